package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// KeySource is where a master key comes from. Exactly one of its fields is set.
type KeySource struct {
	// Value is the key itself, as it stands in an environment variable.
	Value string
	// File holds the key. Its group may read it, as a mounted secret's does; nobody else may, and none but its owner write.
	File string
	// Command is a program with its arguments, such as a client of a key management service, that writes the key to its
	// standard output. No shell is involved. It has ten seconds.
	Command []string
	// Generated is a file that is made with a new key where there is none. Only its owner may read it.
	Generated string
}

const (
	// commandTime is long for a call to a key service, and short for somebody who watches a gateway start.
	commandTime = 10 * time.Second
	// commandGrace is for what a program that was ended leaves behind in its pipes.
	commandGrace = time.Second
	// maxKeyText is far more than the 64 characters of a key in hex with white space around it.
	maxKeyText = 4096
)

var (
	errEncoding = errors.New("it is not a key: 32 random bytes in base64 or hex, as openssl rand -base64 32 prints")
	errWeak     = errors.New("its bytes are all the same, so it is not a random key")
	errSource   = errors.New("a master key comes from exactly one of a value, a file, a command and a generated file")
)

// LoadKeys reads master keys. Errors never show any part of a key.
func LoadKeys(ctx context.Context, sources []KeySource) ([][]byte, error) {
	if len(sources) == 0 {
		return nil, errors.New("there is no master key")
	}
	keys := make([][]byte, 0, len(sources))
	for i := range sources {
		key, err := sources[i].load(ctx)
		if err != nil {
			return nil, fmt.Errorf("master key %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (s *KeySource) load(ctx context.Context) ([]byte, error) {
	set := 0
	for _, is := range []bool{s.Value != "", s.File != "", len(s.Command) > 0, s.Generated != ""} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return nil, errSource
	case s.File != "":
		key, err := readKey(s.File, 0o037)
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", s.File, err)
		}
		return key, nil
	case s.Generated != "":
		key, err := generated(s.Generated)
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", s.Generated, err)
		}
		return key, nil
	case len(s.Command) > 0:
		key, err := runCommand(ctx, s.Command)
		if err != nil {
			return nil, fmt.Errorf("command %s: %w", s.Command[0], err)
		}
		return key, nil
	default:
		return decodeKey([]byte(s.Value))
	}
}

// decodeKey reads a master key in base64 (of either alphabet, padded or not) or hex. White space around it does not count.
func decodeKey(text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	if len(text) == hex.EncodedLen(KeySize) {
		key := make([]byte, KeySize)
		if _, err := hex.Decode(key, text); err != nil {
			return nil, errEncoding // the decoder's own words quote the key
		}
		return key, checkKey(key)
	}
	text = bytes.TrimRight(text, "=")
	if len(text) != base64.RawStdEncoding.EncodedLen(KeySize) {
		return nil, errEncoding
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		key := make([]byte, KeySize)
		if n, err := encoding.Decode(key, text); err == nil && n == KeySize {
			return key, checkKey(key)
		}
	}
	return nil, errEncoding
}

func checkKey(key []byte) error {
	if len(key) != KeySize {
		return fmt.Errorf("a key has %d bytes, got %d", KeySize, len(key))
	}
	if bytes.Count(key, key[:1]) == KeySize {
		return errWeak
	}
	return nil
}

// readKey reads a key from a file that has none of the forbidden bits in its mode.
func readKey(path string, forbidden fs.FileMode) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the file that the operator named
	if err != nil {
		return nil, fmt.Errorf("opening: %w", unpath(err))
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading its mode: %w", unpath(err))
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	if mode := info.Mode().Perm(); mode&forbidden != 0 {
		return nil, fmt.Errorf("others can get at it (mode %04o): make it %04o", mode, mode&^forbidden)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyText))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", unpath(err))
	}
	return decodeKey(text)
}

// unpath leaves out the path, which the caller's words begin with.
func unpath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// generated reads the key of a file, or makes the file. The file appears with its whole content or not at all, and of two
// gateways that make it at once both get the same key.
func generated(path string) ([]byte, error) {
	key, err := readKey(path, 0o077)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making its folder: %w", err)
	}
	temp, err := writeKey(folder)
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp) //nolint:errcheck // a name that is left over holds a key that nothing was sealed with, or the same
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("giving it its name: %w", err)
	}
	if err := syncFolder(folder); err != nil {
		return nil, err
	}
	return readKey(path, 0o077)
}

// writeKey writes a new key into a file that only its owner can read, and returns the file's name.
func writeKey(folder string) (name string, err error) {
	f, err := os.CreateTemp(folder, ".key-*")
	if err != nil {
		return "", fmt.Errorf("making it: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // it never fails
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("writing it: %w", err)
	}
	return f.Name(), nil
}

func syncFolder(folder string) error {
	d, err := os.Open(folder) //nolint:gosec // the operator's state folder
	if err != nil {
		return fmt.Errorf("syncing its folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing its folder: %w", err)
	}
	return nil
}

// runCommand runs a program for a key. Its error output is not read: nobody knows what it shows.
func runCommand(ctx context.Context, argv []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	out := &capped{}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the program that the operator named
	cmd.Stdout = out
	cmd.WaitDelay = commandGrace
	switch err := cmd.Run(); {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it gave no key in time: %w", ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("running it (its own words are not shown, run it by hand): %w", err)
	}
	return decodeKey(out.text)
}

// capped keeps the beginning of what is written to it.
type capped struct{ text []byte }

// Write implements io.Writer.
func (c *capped) Write(p []byte) (int, error) {
	c.text = append(c.text, p[:min(len(p), maxKeyText-len(c.text))]...)
	return len(p), nil
}
