package policytest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Option changes how scripts are run.
type Option uint8

// Update rewrites the expected files inside a script's archive with what came, in place of failing.
const Update Option = 1

// ErrNoScripts says that there was nothing to run, which is never what was meant.
var ErrNoScripts = errors.New("no .txtar script there")

// Run runs scripts one after the other and writes one line for each, with the transcript of those that fail. A path is a
// script, or a folder that is searched for them. The error is of finding the scripts; failed says that one of them failed.
func Run(paths []string, out io.Writer, opts ...Option) (failed bool, err error) {
	var files []string
	for _, path := range paths {
		found, err := Find(path)
		if err != nil {
			return false, err
		}
		for _, file := range found {
			if !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	if len(files) == 0 {
		return false, ErrNoScripts
	}
	for _, file := range files {
		start := time.Now()
		t := &report{}
		t.Run(file, func(t testscript.T) { testscript.RunT(t, params(file, opts)) })
		failed = failed || t.failed
		if _, err := io.WriteString(out, t.line(file, time.Since(start))); err != nil {
			return failed, fmt.Errorf("writing the report: %w", err)
		}
	}
	return failed, nil
}

// RunDir runs every script of a folder and the folders below as a subtest named after its path.
func RunDir(t *testing.T, dir string, opts ...Option) {
	t.Helper()
	files, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name, err := filepath.Rel(dir, file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.ToSlash(strings.TrimSuffix(name, ".txtar")), func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, params(file, opts))
		})
	}
}

// Find lists the scripts of a path, sorted: of a folder those in it and below. ErrNoScripts says that it has none, or is
// a file that is no script.
func Find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("looking for scripts: %w", err)
	}
	if !info.IsDir() {
		if !strings.HasSuffix(path, ".txtar") {
			return nil, fmt.Errorf("%s: %w", path, ErrNoScripts)
		}
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name != path && strings.HasPrefix(entry.Name(), ".") {
				return filepath.SkipDir
			}
		case strings.HasSuffix(name, ".txtar") && entry.Type().IsRegular():
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for scripts: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("looking for scripts in %s: %w", path, ErrNoScripts)
	}
	return files, nil
}

// params is how one script is run. Scripts are run one at a time through testscript so that each may know its own folder.
func params(file string, opts []Option) testscript.Params {
	update := slices.Contains(opts, Update)
	return testscript.Params{
		Files:              []string{file},
		Cmds:               verbs(),
		UpdateScripts:      update,
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			w, err := newWorld(file, env.WorkDir)
			if err != nil {
				return err
			}
			w.update = update
			env.Values[worldKey{}] = w
			env.Defer(w.close)
			return nil
		},
	}
}
