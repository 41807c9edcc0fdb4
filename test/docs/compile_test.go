package docs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"weir/actions"
	"weir/policies"
)

// compilePolicy compiles a policy that a document shows, with every action there is and a secret of any name; folder is
// where the files it names are found.
func compilePolicy(folder, text string) error {
	anySecret := func(string) (string, bool) { return "example", true }
	_, found := policies.Compile(
		policies.Input{Path: filepath.Join(folder, "block.yaml"), Text: []byte(text)},
		policies.Options{Actions: actions.Registry(), Secrets: []policies.Source{policies.EnvSecrets(anySecret)}, Offline: true},
	)
	return found.Err()
}

// compileExpression compiles an expression that a document shows. A document does not say where its expression may stand,
// so it may stand anywhere: as a condition in either phase, or as a strategy of models or of keys.
func compileExpression(text string) error {
	quoted, err := json.Marshal(text)
	if err != nil {
		return fmt.Errorf("quoting the expression: %w", err)
	}
	var problems []error
	for _, policy := range []string{
		"on_request: [{expressions: [%s], actions: [{type: log}]}]",
		"on_response: [{expressions: [%s], actions: [{type: log}]}]",
		"route: [{model_selection: {strategy: [%s]}}]",
		"route: [{api_key_selection: {strategy: [%s]}}]",
	} {
		err := compilePolicy("", fmt.Sprintf(policy, quoted))
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
