package policies

import "fmt"

// LookupSecret asks the sources in order for a secret outside of policies. A missing one and an empty one are errors.
func LookupSecret(sources []Source, name string) (string, error) {
	v := vault{sources: sources, files: newReader(), asked: map[string]secret{}}
	s := v.get(name)
	switch {
	case s.err != nil:
		return "", s.err
	case !s.found:
		return "", fmt.Errorf("there is no secret %q", name)
	case s.value == "":
		return "", fmt.Errorf("the secret %q is empty", name)
	}
	return s.value, nil
}
