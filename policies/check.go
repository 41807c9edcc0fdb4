package policies

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"weir/engine/diag"
)

// Report is what Check found, in the form that weir check prints as JSON.
type Report struct {
	Files []FileReport `json:"files"`
}

// FileReport is what is to say about one policy.
type FileReport struct {
	Path        string      `json:"path"`
	Hash        string      `json:"hash,omitempty"`
	Diagnostics diag.List   `json:"diagnostics"`
	Exceptions  []Exception `json:"exceptions"`

	files []string // that were read
}

// HasErrors reports whether any of the policies would not load.
func (r *Report) HasErrors() bool {
	for i := range r.Files {
		if r.Files[i].Diagnostics.HasErrors() {
			return true
		}
	}
	return false
}

// Strict turns every warning into an error.
func (r *Report) Strict() {
	for i := range r.Files {
		for k := range r.Files[i].Diagnostics {
			r.Files[i].Diagnostics[k].Severity = diag.Error
		}
	}
}

var errNoPolicy = errors.New("no policy.yaml, policy.yml or policy.json in it or below it")

// Check compiles every policy named: files, and folders with a policy.yaml, policy.yml or policy.json in or below them.
// With Options.Build the plans are built as well. The error is about the paths; what is wrong in files is in the report.
func Check(paths []string, opts Options) (*Report, error) {
	if opts.Bundles == nil {
		opts.Bundles = NewBundles()
	}
	out := &Report{Files: []FileReport{}}
	for _, path := range paths {
		files, err := policyFiles(path)
		if err != nil {
			return nil, fmt.Errorf("looking for policies in %s: %w", path, err)
		}
		for _, file := range files {
			out.Files = append(out.Files, checkFile(file, opts))
		}
	}
	return out, nil
}

func checkFile(path string, opts Options) FileReport {
	c := compile(Input{Path: path}, opts, oneLoad(opts))
	if !c.diags.HasErrors() && opts.Build != nil {
		_, diags := opts.Build(c.cfg)
		c.add(diags)
	}
	return FileReport{
		Path: path, Hash: c.cfg.Hash, files: c.files,
		Diagnostics: append(diag.List{}, c.diags...), Exceptions: append([]Exception{}, c.exceptions...),
	}
}

// policyFiles finds the policies of a path. A file is taken whatever its name.
func policyFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var out []string
	err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch d.Name() {
		case "policy.yaml", "policy.yml", "policy.json":
			if !d.IsDir() {
				out = append(out, at)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if len(out) == 0 {
		return nil, errNoPolicy
	}
	return out, nil
}

// folders lists the folders among the paths, each as all names in it: a policy that appears there is checked too.
func folders(paths []string) []string {
	var out []string
	for _, path := range paths {
		if isDir(path) {
			out = append(out, filepath.Join(path, allNames))
		}
	}
	return out
}
