package ipinfo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// maxFile bounds what is read into memory: the largest database on offer has some 600 MB.
const maxFile = 1 << 30

// Info is what is known of an address. The zero value is what is known of most.
type Info struct {
	Location   Place
	Registered Place // where the network is registered
	AS         AS
	Categories []string
	Blocklist  bool // some list of the category blocklist has it
	Tor        bool
}

// AS is an autonomous system.
type AS struct {
	Number       int64
	Organization string
}

// Place is where an address is. Numbers are text, as policies read them; what is not known is empty.
type Place struct {
	City, Continent, Country, CountryCode string
	Latitude, Longitude, Radius           string
	MetroCode, PostalCode, Subdivision    string
	TimeZone                              string
	EU                                    bool
}

// Options says what to read.
type Options struct {
	// Databases are files in MaxMind's format, in the shapes of City, Country, Enterprise, ASN, ISP and Anonymous-IP. Where
	// several know the same thing the first counts.
	Databases []string
	Lists     []List
}

// List is a file of addresses and networks, one a line. Text behind # and ; is not read.
type List struct {
	// Category is what its networks are: blocklist and names under it, such as blocklist.spam, set Info.Blocklist, tor and
	// names that end in .tor set Info.Tor.
	Category string
	Path     string
}

// Source looks addresses up in its files. It is safe for use by several goroutines.
type Source struct {
	options Options
	current atomic.Pointer[contents]

	mu     sync.Mutex // one refresh at a time
	stamps map[string]stamp
}

// contents is everything read, never changed: a refresh puts another one in its place. The files are read and not mapped,
// because one that is written over in place would end a process that has it mapped.
type contents struct {
	databases []*maxminddb.Reader
	lists     []*networks
}

// stamp tells one version of a file from the next.
type stamp struct {
	size    int64
	changed time.Time
}

// Open reads the files.
func Open(o Options) (*Source, error) {
	s := &Source{options: Options{Databases: slices.Clone(o.Databases), Lists: slices.Clone(o.Lists)}, stamps: map[string]stamp{}}
	s.current.Store(&contents{
		databases: make([]*maxminddb.Reader, len(o.Databases)), lists: make([]*networks, len(o.Lists)),
	})
	if _, err := s.Refresh(); err != nil {
		return nil, err
	}
	return s, nil
}

// Refresh reads the files that changed since they were read and reports whether there were any. A file that cannot be
// read leaves its older version in place.
func (s *Source) Refresh() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.current.Load()
	next := &contents{databases: slices.Clone(old.databases), lists: slices.Clone(old.lists)}
	var failed []error
	for i, path := range s.options.Databases {
		r, was, err := load(s, path, openDatabase)
		if err != nil {
			failed = append(failed, err)
		} else if was {
			next.databases[i], changed = r, true
		}
	}
	for i, list := range s.options.Lists {
		n, was, err := load(s, list.Path, readNetworks)
		if err != nil {
			failed = append(failed, err)
		} else if was {
			next.lists[i], changed = n, true
		}
	}
	if changed {
		s.current.Store(next)
	}
	return changed, errors.Join(failed...)
}

// load reads a file if it changed. A file that changes while it is read is not finished; it is read another time.
func load[T any](s *Source, path string, parse func([]byte) (T, error)) (out T, changed bool, err error) {
	before, err := stampOf(path)
	if err != nil {
		return out, false, fmt.Errorf("reading IP data: %w", err)
	}
	if before == s.stamps[path] {
		return out, false, nil
	}
	if before.size > maxFile {
		return out, false, fmt.Errorf("reading IP data: %s is over %d bytes", path, int64(maxFile))
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return out, false, fmt.Errorf("reading IP data: %w", err)
	}
	after, err := stampOf(path)
	if err != nil || after != before {
		return out, false, fmt.Errorf("reading IP data: %s changed while it was read", path)
	}
	if out, err = parse(data); err != nil {
		return out, false, fmt.Errorf("reading IP data: %s: %w", path, err)
	}
	s.stamps[path] = before
	return out, true, nil
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err //nolint:wrapcheck // the caller says what for
	}
	return stamp{size: info.Size(), changed: info.ModTime()}, nil
}

// Watch refreshes until ctx ends and tells report, where a file was taken up (nil) or could not be. Looking at the times
// of a handful of files costs nothing, and works on every file system.
func (s *Source) Watch(ctx context.Context, every time.Duration, report func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if changed, err := s.Refresh(); changed || err != nil {
				report(err)
			}
		}
	}
}

// Lookup tells what is known of an address. Nothing is cached: a lookup walks some 30 nodes a file.
func (s *Source) Lookup(addr netip.Addr) Info {
	var info Info
	if !addr.IsValid() {
		return info
	}
	addr = addr.Unmap().WithZone("")
	c := s.current.Load()
	for _, db := range c.databases {
		var r record
		if db != nil && db.Lookup(addr).Decode(&r) == nil {
			r.fill(&info)
		}
	}
	for i, list := range c.lists {
		if list != nil && list.contains(addr) {
			info.add(s.options.Lists[i].Category)
		}
	}
	return info
}

// add puts the address into a category.
func (i *Info) add(category string) {
	if category == "" || slices.Contains(i.Categories, category) {
		return
	}
	i.Categories = append(i.Categories, category)
	i.Blocklist = i.Blocklist || category == "blocklist" || strings.HasPrefix(category, "blocklist.")
	i.Tor = i.Tor || category == "tor" || strings.HasSuffix(category, ".tor")
}
