package policies

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var errTooLarge = errors.New("file too large")

// reader reads the files of one load, each once, so that the bytes that are hashed are the bytes that are compiled.
type reader struct {
	files map[string]fileContent
	order []string
	// limits are how much of each file may be read.
	limits map[string]int64
	// remote returns what was fetched from a URL.
	remote func(url string) ([]byte, error)
	// given are files that are taken as they were read before.
	given map[string]fileContent
}

type fileContent struct {
	data []byte
	err  error
}

func newReader() *reader {
	return &reader{files: map[string]fileContent{}, limits: map[string]int64{}}
}

// read returns the content of a file of at most limit bytes.
func (r *reader) read(path string, limit int64) ([]byte, error) {
	if f, ok := r.files[path]; ok {
		return f.data, f.err
	}
	var data []byte
	var err error
	before, given := r.given[path]
	switch {
	case given:
		data, err = before.data, before.err
	case isRemote(path):
		data, err = r.remote(path)
	case filepath.Base(path) == allNames:
		data, err = listing(filepath.Dir(path), isPolicyName, false)
	case filepath.Base(path) == allRego:
		data, err = listing(filepath.Dir(path), isRegoName, true)
	default:
		data, err = readBounded(path, limit)
	}
	r.put(path, data, err)
	r.limits[path] = limit
	return data, err
}

// again reads a file with the limit that it was read with before.
func (r *reader) again(path string, before *reader) {
	limit, ok := before.limits[path]
	if !ok {
		limit = maxDocument
	}
	_, _ = r.read(path, limit) // a file that is gone changes the hash
}

// isRemote tells URLs from the names of files, in which no two slashes follow each other.
func isRemote(path string) bool { return strings.Contains(path, "://") }

// put records content that was given instead of read.
func (r *reader) put(path string, data []byte, err error) {
	r.files[path] = fileContent{data: data, err: err}
	r.order = append(r.order, path)
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // policies and secrets are read from where their owner says
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, nil
}

// What stands for the names of a folder among the files of a load: those of policies, and those of Rego and data.
const (
	allNames = "*"
	allRego  = "*.rego"
)

// list returns the names of the policy files of a folder, in order. The listing counts as a file of its own, so that a
// file that appears is as much of a change as one that is edited.
func (r *reader) list(dir string) ([]string, error) { return r.lines(filepath.Join(dir, allNames)) }

// listRego returns the names of the modules, data files and folders in a folder, in order; those of folders end in a slash.
func (r *reader) listRego(dir string) ([]string, error) { return r.lines(filepath.Join(dir, allRego)) }

func (r *reader) lines(path string) ([]string, error) {
	data, err := r.read(path, maxDocument)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// listing is the names in a folder that are of use, a line each.
func listing(dir string, wanted func(name string) bool, folders bool) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing: %w", err)
	}
	var out []byte
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue // what mounted configuration and editors keep beside the files
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() {
			if folders {
				out = append(append(out, name...), '/', '\n')
			}
			continue
		}
		if wanted(name) {
			out = append(append(out, name...), '\n')
		}
	}
	return out, nil
}

func isRegoName(name string) bool { return fileKind(name) == kindModule || fileKind(name) == kindData }

func isPolicyName(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

// hash is the SHA-256 of the one file that was read, or of the hashes of all of them in the order they were read.
func (r *reader) hash() string {
	sum := sha256.New()
	var present [][]byte
	for _, path := range r.order {
		if f := r.files[path]; f.err == nil {
			present = append(present, f.data)
		}
	}
	for _, data := range present {
		if len(present) == 1 {
			_, _ = sum.Write(data) // a hash never fails
			continue
		}
		one := sha256.Sum256(data)
		_, _ = sum.Write(one[:]) // a hash never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}
