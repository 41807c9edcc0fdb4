package policies

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/opa"
)

const (
	// maxRegoData bounds a data file: tables of a hundred thousand users stay below half of it.
	maxRegoData = 32 << 20
	// maxBundle bounds a bundle as it is packed, which is a quarter or less of what is in it.
	maxBundle = 64 << 20
	// maxRegoFiles bounds the files of folders: more than people write, and a home folder that was named by mistake has more.
	maxRegoFiles = 2_000
	// maxFolders is how deep folders nest: deeper than any package name, and soon reached where a link leads back up.
	maxFolders = 20
)

const (
	kindOther = iota
	kindModule
	kindData
	kindBundle
)

// fileKind tells what a file is by its name.
func fileKind(name string) int {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".rego":
		return kindModule
	case ".json", ".yaml", ".yml":
		return kindData
	case ".gz", ".tgz", ".tar":
		return kindBundle
	default:
		return kindOther
	}
}

// fileOrFolder takes what an entry names.
func (r *rego) fileOrFolder(n *engine.Node, path string) {
	if isDir(path) {
		files, problems := r.files, len(r.c.diags)
		r.folder(n, path, nil)
		if r.files == files && len(r.c.diags) == problems {
			r.c.errorf(n, "empty_folder", "it needs a file that ends in .rego, .json, .yaml or .yml", "the folder %s holds neither Rego nor data", path)
		}
		return
	}
	switch fileKind(path) {
	case kindModule:
		if opa.IsTest(path) {
			r.c.warnf(n, "no_effect", "name the folder, or leave the test out: weir test finds it beside what it tests", "tests are not part of a policy")
		}
		r.moduleFile(n, path)
		r.testBeside(path)
	case kindData:
		r.dataFile(n, path, nil)
	case kindBundle:
		r.c.errorf(n, "bad_value", "write {bundle: "+n.Text.Value+"}", "%s looks like a bundle", path)
	default:
		if _, err := r.read(path, maxDocument); errors.Is(err, fs.ErrNotExist) {
			r.missing(n, path, err, maxDocument)
			return
		}
		r.c.errorf(n, "bad_value", "modules end in .rego, data in .json, .yaml or .yml", "%s is neither Rego nor data by its name", path)
	}
}

// folder takes the files of a folder and of those below it. Data stands below data where its folder stands below the one
// that was named.
func (r *rego) folder(n *engine.Node, dir string, below []string) {
	if len(below) > maxFolders {
		r.c.errorf(n, "too_deep", "does a link lead back up?", "folders may nest %d levels deep: %s", maxFolders, dir)
		return
	}
	names, err := r.c.out.secrets.files.listRego(dir)
	if err != nil {
		r.c.errorf(n, "unreadable_file", "", "the folder %s cannot be read: %v", dir, err)
		return
	}
	for _, name := range names {
		if r.files > maxRegoFiles {
			return
		}
		path := filepath.Join(dir, name)
		switch {
		case strings.HasSuffix(name, "/"):
			r.folder(n, path, append(slices.Clip(below), strings.TrimSuffix(name, "/")))
		case fileKind(name) == kindModule:
			r.moduleFile(n, path)
		case r.c.read[identity(path)]:
			// the policy itself, or what it includes
		default:
			r.dataFile(n, path, below)
		}
	}
}

// taken reports whether a file was read already, and that there are too many.
func (r *rego) taken(n *engine.Node, path string) bool {
	id := identity(path)
	if r.seen[id] {
		return true
	}
	r.seen[id] = true
	r.files++
	if r.files > maxRegoFiles {
		if r.files == maxRegoFiles+1 {
			r.c.errorf(n, "too_large", "", "the Rego of a policy may be in %d files", maxRegoFiles)
		}
		return true
	}
	return false
}

func (r *rego) moduleFile(n *engine.Node, path string) {
	if r.taken(n, path) {
		return
	}
	text, err := r.read(path, maxDocument)
	switch {
	case err != nil:
		r.missing(n, path, err, maxDocument)
	case opa.IsTest(path):
		r.tests = append(r.tests, opa.Text{Name: path, Text: text})
	default:
		r.opts.Modules = append(r.opts.Modules, opa.Text{Name: path, Text: text})
	}
}

// testBeside finds the test of a module that was named alone. It changes nothing about the policy.
func (r *rego) testBeside(path string) {
	stem, ok := strings.CutSuffix(path, ".rego")
	if !ok || opa.IsTest(path) || r.seen[identity(stem+"_test.rego")] {
		return
	}
	if text, err := readBounded(stem+"_test.rego", maxDocument); err == nil {
		r.tests = append(r.tests, opa.Text{Name: stem + "_test.rego", Text: text})
		r.seen[identity(stem+"_test.rego")] = true
	}
}

func (r *rego) dataFile(n *engine.Node, path string, at []string) {
	if len(at) == 0 && r.c.read[identity(path)] {
		r.c.errorf(n, "bad_value", "", "%s is a document of this policy", path)
		return
	}
	if r.taken(n, path) {
		return
	}
	text, err := r.read(path, maxRegoData)
	if err != nil {
		r.missing(n, path, err, maxRegoData)
		return
	}
	r.named[path] = n
	r.opts.Data = append(r.opts.Data, opa.Text{Name: path, Text: text, Path: slices.Clone(at)})
}

func (r *rego) read(path string, limit int64) ([]byte, error) {
	return r.c.out.secrets.files.read(path, limit)
}

// missing reports a file that could not be read.
func (r *rego) missing(n *engine.Node, path string, err error, limit int64) {
	d := fileProblem(path, err)[0]
	if errors.Is(err, errTooLarge) {
		d.Message = fmt.Sprintf("it may hold %d bytes", limit)
	}
	r.c.errorf(n, d.Code, "", "%s: %s", path, d.Message)
}

// data takes data that is written in the policy, or in a file of its own.
func (r *rego) data(o *object, n *engine.Node) {
	at, ok := r.dataPath(o)
	if !ok {
		return
	}
	if text, isText := n.Value.(string); isText && n.Kind == engine.NodeScalar {
		path, ok := r.path(n, "data")
		switch {
		case !ok:
		case fileKind(text) != kindData:
			r.c.errorf(n, "bad_value", "its name ends in .json, .yaml or .yml", "%q is not a file of data", text)
		default:
			r.dataFile(n, path, at)
		}
		return
	}
	if len(at) == 0 && n.Kind != engine.NodeMap {
		o.mistyped(n, "data", "a mapping or the name of a file")
		return
	}
	text, err := json.Marshal(n.Any())
	if err != nil {
		r.c.errorf(n, "wrong_type", "", "\"data\" cannot be read as JSON: %v", err)
		return
	}
	pos := n.Pos
	r.opts.Data = append(r.opts.Data, opa.Text{
		Name: fmt.Sprintf("%s:%d.json", n.Pos.File, n.Pos.Line), Text: text, Path: at, At: func(int) diag.Pos { return pos },
	})
}

// dataPath reads where data stands.
func (r *rego) dataPath(o *object) (at []string, ok bool) {
	text := o.str("at")
	if text == "" {
		return nil, true
	}
	at = strings.Split(text, ".")
	name := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	for _, part := range at {
		if !name.MatchString(part) {
			r.c.errorf(o.get("at"), "bad_name", "as in teams.limits", "\"at\" must be names with dots between them, got %q", text)
			return nil, false
		}
	}
	return at, true
}
