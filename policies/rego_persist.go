package policies

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	// shownName is how much of a URL the name of its copy begins with, for people who look into the folder.
	shownName = 60
	// nameHash is what tells the copies of different URLs apart.
	nameHash = 8
)

// file is where the copy of a bundle is.
func (s *bundleSpec) file() string {
	sum := sha256.Sum256([]byte(s.url))
	_, shown, _ := strings.Cut(shownURL(s.url), "://")
	shown = strings.TrimSuffix(strings.TrimSuffix(shown, ".gz"), ".tar")
	shown = strings.Trim(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(shown, "-"), "-")
	return filepath.Join(s.folder, shown[:min(len(shown), shownName)]+"-"+hex.EncodeToString(sum[:nameHash])+".tar.gz")
}

// load reads the copy of a bundle. It is verified like one that was fetched, and a folder that others may write to is not
// trusted with one that is not signed.
func (s *bundleSpec) load() (*snapshot, error) {
	name := s.file()
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is none in %s", s.folder)
	case err != nil:
		return nil, fmt.Errorf("reading the copy: %w", err)
	case len(s.read.Keys) == 0 && info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("others may write to %s, and it is not signed", name)
	}
	data, err := readBounded(name, maxBundle)
	if err != nil {
		return nil, fmt.Errorf("reading the copy: %w", err)
	}
	out, err := s.snapshot(data, "", info.ModTime())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out.stored = true
	return out, nil
}

// keep writes the copy of a bundle: whole or not at all, whenever the machine stops.
func (s *bundleSpec) keep(data []byte) (err error) {
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return fmt.Errorf("keeping the bundle: %w", err)
	}
	f, err := os.CreateTemp(s.folder, ".bundle-*") // for its owner only
	if err != nil {
		return fmt.Errorf("keeping the bundle: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // it may be gone
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("keeping the bundle: %w", err)
	}
	if err := os.Rename(f.Name(), s.file()); err != nil {
		return fmt.Errorf("keeping the bundle: %w", err)
	}
	folder, err := os.Open(s.folder)
	if err != nil {
		return fmt.Errorf("keeping the bundle: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("keeping the bundle: %w", err)
	}
	return nil
}
