package opa

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/loader/filter"
)

const (
	// maxBundleFile bounds one file of a bundle: data of a hundred thousand users with their roles fits into a quarter of it.
	maxBundleFile = 64 << 20
	// maxBundleContent bounds all of them once they are unpacked. Values in memory take several times their text, so that
	// more would endanger the gateway itself.
	maxBundleContent = 256 << 20
	// maxBundleFiles is far beyond the modules that people write and little enough to parse in a moment.
	maxBundleFiles = 10_000
)

// archiveFile is one file of an archive.
type archiveFile struct {
	name string
	data []byte
}

var errArchiveSize = fmt.Errorf("its files are larger than %d bytes together", maxBundleContent)

// readArchive unpacks a compressed archive in memory, all of it, so that the checksum at its end is looked at as well.
func readArchive(data []byte) ([]archiveFile, error) {
	packed, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	content := &bounded{r: packed, left: maxBundleContent}
	archive := tar.NewReader(content)
	var out []archiveFile
	seen := map[string]bool{}
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("unpacking: %w", err)
		}
		if head.Typeflag == tar.TypeDir || head.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := checkEntry(head, seen); err != nil {
			return nil, err
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", head.Name, err)
		}
		out = append(out, archiveFile{name: head.Name, data: text})
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	if len(out) == 0 {
		return nil, errors.New("it is empty")
	}
	return out, nil
}

// checkEntry refuses entries whose meaning depends on who reads them.
func checkEntry(head *tar.Header, seen map[string]bool) error {
	name := path.Clean("/" + head.Name)
	switch {
	case head.Typeflag != tar.TypeReg:
		return fmt.Errorf("%q is not a regular file", head.Name)
	case strings.ContainsAny(head.Name, "\\\x00") || slices.Contains(strings.Split(head.Name, "/"), ".."):
		return fmt.Errorf("%q is not a path within it", head.Name)
	case head.Size > maxBundleFile:
		return fmt.Errorf("%q is larger than %d bytes", head.Name, maxBundleFile)
	case len(seen) >= maxBundleFiles:
		return fmt.Errorf("it holds more than %d files", maxBundleFiles)
	case seen[name]:
		return fmt.Errorf("%q is in it twice", head.Name)
	}
	seen[name] = true
	return nil
}

// bounded fails where more is read than is allowed, in place of an end that would look like the archive's own.
type bounded struct {
	r    io.Reader
	left int64
}

// Read reads within the bound.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, errArchiveSize
	}
	return n, err //nolint:wrapcheck // readers hand on what they read from, io.EOF above all
}

// archiveLoader hands files that were unpacked to OPA's reader of bundles.
type archiveLoader struct {
	files []archiveFile
	next  int
}

// NextFile returns the next file, io.EOF behind the last.
func (l *archiveLoader) NextFile() (*bundle.Descriptor, error) {
	if l.next >= len(l.files) {
		return nil, io.EOF
	}
	f := l.files[l.next]
	l.next++
	return bundle.NewDescriptor(f.name, f.name, bytes.NewBuffer(f.data)), nil
}

// WithFilter changes nothing: every file is read.
func (l *archiveLoader) WithFilter(filter.LoaderFilter) bundle.DirectoryLoader { return l }

// WithPathFormat changes nothing: paths are those of the archive, which signatures name.
func (l *archiveLoader) WithPathFormat(bundle.PathFormat) bundle.DirectoryLoader { return l }

// WithSizeLimitBytes changes nothing: sizes were checked.
func (l *archiveLoader) WithSizeLimitBytes(int64) bundle.DirectoryLoader { return l }

// WithFollowSymlinks changes nothing: archives with links are refused.
func (l *archiveLoader) WithFollowSymlinks(bool) bundle.DirectoryLoader { return l }
