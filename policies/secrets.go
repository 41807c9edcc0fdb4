package policies

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// maxSecret bounds the value of a secret: service account files and certificate chains stay far below it.
const maxSecret = 64 << 10

// maxSecretFile bounds a file of many secrets, the same as a policy.
const maxSecretFile = maxDocument

// Source finds secrets by their names. Names are literals of the policy; a name of two parts, vault/name, is what
// secrets.get('vault', 'name') asks for.
type Source struct {
	lookup func(r *reader, name string) (value string, found bool, err error)
}

// EnvSecrets finds secrets in the environment: under their own name, or in upper case with underscores for everything that
// cannot stand in a variable's name.
func EnvSecrets(getenv func(string) (string, bool)) Source {
	return Source{lookup: func(_ *reader, name string) (string, bool, error) {
		for _, key := range []string{name, envName(name)} {
			if v, ok := getenv(key); ok {
				return v, true, nil
			}
		}
		return "", false, nil
	}}
}

// DirSecrets finds secrets in a folder with one file each, the way containers mount them. One line break at the end of a
// file is not part of its secret.
func DirSecrets(dir string) Source {
	return Source{lookup: func(r *reader, name string) (string, bool, error) {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return "", false, nil
		}
		data, err := r.read(filepath.Join(dir, filepath.FromSlash(name)), maxSecret)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", false, nil
		case err != nil:
			return "", false, fmt.Errorf("secret %q: %w", name, err)
		}
		return trimBreak(string(data)), true, nil
	}}
}

// FileSecrets finds secrets in a file of NAME=value lines; quotes around a value, export in front of a name, empty lines and
// lines that begin with # are what they are in a shell. A file that is not there has no secrets.
func FileSecrets(path string) Source {
	return Source{lookup: func(r *reader, name string) (string, bool, error) {
		data, err := r.read(path, maxSecretFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", false, nil
		case err != nil:
			return "", false, fmt.Errorf("secrets file %s: %w", path, err)
		}
		value, found := "", false
		for line := range strings.Lines(string(data)) {
			key, v, ok := parseEnvLine(line)
			if ok && (key == name || key == envName(name)) {
				value, found = v, true // the last one counts, as in a shell
			}
		}
		return value, found, nil
	}}
}

// MapSecrets finds secrets in a map, for tests of policies.
func MapSecrets(values map[string]string) Source {
	return Source{lookup: func(_ *reader, name string) (string, bool, error) {
		v, ok := values[name]
		return v, ok, nil
	}}
}

func parseEnvLine(line string) (key, value string, ok bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", "", false
	}
	key, value, ok = strings.Cut(strings.TrimPrefix(line, "export "), "=")
	if !ok {
		return "", "", false
	}
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		value = value[1 : n-1]
	}
	return key, value, true
}

// envName is the usual name of an environment variable for a secret.
func envName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		default:
			return '_'
		}
	}, name)
}

func trimBreak(s string) string {
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}

// vault asks the sources and remembers what was given out, for masking.
type vault struct {
	sources []Source
	files   *reader
	values  []string
	spans   map[lineOf][]span
	asked   map[string]secret
}

type secret struct {
	value string
	found bool
	err   error
}

func (v *vault) get(name string) secret {
	if s, ok := v.asked[name]; ok {
		return s
	}
	var out secret
	for _, source := range v.sources {
		value, found, err := source.lookup(v.files, name)
		if err != nil {
			out.err = err
			break
		}
		if found {
			out = secret{value: value, found: true}
			break
		}
	}
	if out.found {
		v.hide(out.value)
	}
	v.asked[name] = out
	return out
}

// scan looks for every secret that a text names, so that its value is masked whatever else is wrong with the text.
func (v *vault) scan(text string) {
	call := regexp.MustCompile(`secrets\.get\(\s*\\?['"]([^'"\\]+)\\?['"]\s*(?:,\s*\\?['"]([^'"\\]+)\\?['"]\s*)?\)`)
	for _, m := range call.FindAllStringSubmatch(text, -1) {
		name := m[1]
		if m[2] != "" {
			if v.get(m[1] + "/" + m[2]).found {
				continue
			}
			name = m[2]
		}
		v.get(name)
	}
}

// hide keeps a value out of every diagnostic. Lines of a secret of several lines are hidden one by one as well, since an
// excerpt shows single lines.
func (v *vault) hide(value string) {
	v.values = append(v.values, value)
	if strings.Contains(value, "\n") {
		for line := range strings.Lines(value) {
			v.values = append(v.values, strings.TrimSpace(line))
		}
	}
}
