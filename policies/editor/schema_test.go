package editor

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"weir/actions"
	"weir/engine/diag"
	"weir/policies"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema(actions.Registry())
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.json", value); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain makes of a decoded YAML value what JSON would hold.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[fmt.Sprint(k)] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case time.Time:
		return v.Format(time.RFC3339)
	default:
		return v
	}
}

func validate(s *jsonschema.Schema, text string) error {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return s.Validate(plain(v)) //nolint:wrapcheck // shown as it is
}

// repository lists every text of the repository that could be a policy, by where it stands.
func repository(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if name == "node_modules" || name == ".git" || name == ".venv" {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(name) {
		case ".md", ".txtar", ".yaml", ".yml":
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch filepath.Ext(name) {
		case ".md":
			for i, part := range strings.Split(string(text), "```yaml\n") {
				if block, _, ok := strings.Cut(part, "\n```"); ok && i > 0 {
					out[fmt.Sprintf("%s block %d", path, i)] = block + "\n"
				}
			}
		case ".txtar":
			for i, f := range txtar.Parse(text).Files {
				if strings.HasSuffix(f.Name, ".yaml") || strings.HasSuffix(f.Name, ".json") {
					out[fmt.Sprintf("%s %d %s", path, i, f.Name)] = string(f.Data)
				}
			}
		default:
			out[path] = string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ownMissing is how a field is reported that its mapping always needs. What only other fields make necessary, an action
// reports in words of its own.
var ownMissing = regexp.MustCompile(` needs "[\w.]+"$`)

// structural reports whether a schema can see a mistake: each document with one must not be valid. What an action asks of
// the address in a text field is beyond it.
func structural(d *diag.Diagnostic) bool {
	switch d.Code {
	case "unknown_key", "no_actions", "unknown_action", "unsupported_action", "bad_duration", "not_a_template":
		return true
	case "missing_field":
		return ownMissing.MatchString(d.Message)
	case "bad_url":
		return strings.Contains(d.Message, "base_url")
	default:
		return false
	}
}

// TestSchemaAgrees holds the schema against the loader, with every policy there is in the repository.
func TestSchemaAgrees(t *testing.T) {
	schema := compiledSchema(t)
	valid, refused := 0, 0
	for where, text := range repository(t) {
		_, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte(text)}, policies.Options{Actions: actions.Registry(), Offline: true})
		var v any
		if yaml.Unmarshal([]byte(text), &v) != nil {
			continue
		}
		err := schema.Validate(plain(v))
		var found []string
		for i := range diags {
			if structural(&diags[i]) && diags[i].Severity == diag.Error {
				found = append(found, diags[i].String())
			}
		}
		switch {
		case !diags.HasErrors():
			valid++
			if err != nil {
				t.Errorf("%s: the policy loads and is not valid: %v", where, err)
			}
		case len(found) > 0:
			refused++
			if err == nil {
				t.Errorf("%s: the policy is valid and does not load: %s", where, strings.Join(found, "\n"))
			}
		}
	}
	if valid < 50 || refused < 5 {
		t.Errorf("got %d policies that load and %d that do not, want the repository's", valid, refused)
	}
}

// TestSchemaShapes holds the schema against the loader, with one shape each.
func TestSchemaShapes(t *testing.T) {
	tests := []struct {
		name, text string
		refused    bool
	}{
		{name: "nothing", text: "{}"},
		{name: "bare action", text: "on_request: [{type: deny}]"},
		{name: "single rule", text: "on_request: {actions: [{type: deny}]}"},
		{name: "single bare action", text: "on_request: {type: deny}"},
		{name: "single action of a rule", text: "on_request: [{actions: {type: deny}}]"},
		{name: "null config", text: "on_request: [{actions: [{type: deny, config: null}]}]"},
		{name: "null fields", text: "on_request: [{name: , on_error: , mode: , actions: [{type: deny, enforce: , config: {message: }}]}]"},
		{name: "other names of phases", text: "on_http_request: []\non_http_response: []"},
		{name: "single route", text: "route: {balance: cheapest}"},
		{name: "config of ai-gateway", text: "on_http_request: [{type: ai-gateway, config: {total_timeout: 5m, on_error: continue}}]"},
		{name: "no config of ai-gateway", text: "on_http_request: [{type: ai-gateway}]"},
		{name: "expression that YAML reads as a boolean", text: "on_request: [{expressions: [true], actions: [{type: deny}]}]"},
		{name: "numbers as text", text: "on_request: [{name: 1, actions: [{type: deny, config: {message: 2.5}}]}]"},
		{name: "version that YAML reads as a number", text: "providers: [{id: a, base_url: 'http://a', tls: {min_version: 1.2}}]"},
		{name: "names of parameters", text: "providers: [{id: a, base_url: 'http://a', models: [{id: b, unsupported_params: [c, {name: d}]}]}]"},
		{name: "switch inside of config", text: "on_request: [{type: deny, config: {enforce: false}}]"},
		{name: "expression in a template", text: "route: [{headers: {a: '${req.host}'}, body: {b: [{c: '${req.id}'}], d: 1}}]"},
		{name: "anything in set-vars", text: "on_request: [{type: set-vars, config: {vars: [{a: {b: [1]}}]}}]"},
		{name: "expressions of actions", text: "on_request: [{type: rate-limit, config: {name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: [true, '{1: 2}[1]'], cost: 2}}]"},
		{name: "expressions of actions that are no list", text: "on_request: [{type: rate-limit, config: {name: a, algorithm: sliding_window, capacity: 1, rate: 1m, bucket_key: conn.client_ip}}]", refused: true},
		{name: "rego", text: "rego: [{module: package a}]"},
		{name: "rego as a mapping", text: "rego: {modules: [{module: package a}, {data: {b: [1]}}, {data: [2], at: c.d}], hosts: [api.example.com, 'api.example.com:8443']}"},
		{name: "a module with a template string", text: "rego: [{module: \"package a\\n\\nb := `${c}`\"}]"},
		{name: "merge key", text: "x-a: &a {type: deny}\non_request: [{<<: *a}]", refused: true},

		{name: "unknown key", text: "on_reqest: []", refused: true},
		{name: "rego without a value", text: "rego:", refused: true},
		{name: "rego with no modules", text: "rego: []", refused: true},
		{name: "rego as a mapping of an entry", text: "rego: {module: package a}", refused: true},
		{name: "unknown key of rego", text: "rego: {modules: [{module: package a}], host: [a]}", refused: true},
		{name: "unknown key of an entry of rego", text: "rego: [{modul: package a}]", refused: true},
		{name: "entry of rego that is null", text: "rego: [{module: package a}, null]", refused: true},
		{name: "entry of rego that is a list", text: "rego: [{module: package a}, [a.rego]]", refused: true},
		{name: "template in the name of a module", text: "rego: ['${req.id}.rego']", refused: true},
		{name: "key without an id", text: "rego: [{bundle: 'https://example.com/b', keys: [{key: a}]}]", refused: true},
		{name: "unknown algorithm", text: "rego: [{bundle: 'https://example.com/b', keys: [{id: a, key: b, algorithm: none}]}]", refused: true},
		{name: "poll that is no duration", text: "rego: [{bundle: 'https://example.com/b', poll: 30}]", refused: true},
		{name: "phase without a value", text: "on_request:", refused: true},
		{name: "phase under both names", text: "on_request: []\non_http_request: []", refused: true},
		{name: "phase that is a text", text: "on_request: deny", refused: true},
		{name: "rule without actions", text: "on_request: [{name: a}]", refused: true},
		{name: "rule with no action in it", text: "on_request: [{actions: []}]", refused: true},
		{name: "action that is a word", text: "on_request: [{actions: [deny]}]", refused: true},
		{name: "action without a type", text: "on_request: [{actions: [{config: {}}]}]", refused: true},
		{name: "unknown action", text: "on_request: [{type: denny}]", refused: true},
		{name: "action of another phase", text: "on_response: [{type: deny}]", refused: true},
		{name: "gateway in another phase", text: "on_response: [{type: ai-gateway}]", refused: true},
		{name: "unknown field of an action", text: "on_request: [{type: deny, config: {mesage: a}}]", refused: true},
		{name: "field of another action", text: "on_request: [{type: log, config: {metadata: {a: b}, message: c}}]", refused: true},
		{name: "config that is missing", text: "on_request: [{type: log}]", refused: true},
		{name: "needed field that is null", text: "on_request: [{type: log, config: {metadata: }}]", refused: true},
		{name: "number out of range", text: "on_request: [{type: deny, config: {status_code: 200}}]", refused: true},
		{name: "text for a number", text: "on_request: [{type: deny, config: {status_code: '403'}}]", refused: true},
		{name: "expression for a number", text: "on_request: [{type: deny, config: {status_code: '${400}'}}]", refused: true},
		{name: "expressions without a list", text: "on_request: [{expressions: 'true', actions: [{type: deny}]}]", refused: true},
		{name: "expressions that are null", text: "on_request: [{expressions: , actions: [{type: deny}]}]", refused: true},
		{name: "word that is none", text: "on_request: [{on_error: stop, actions: [{type: deny}]}]", refused: true},
		{name: "stream mode of a request", text: "on_request: [{on_stream: skip, actions: [{type: deny}]}]", refused: true},
		{name: "switch that is a text", text: "on_request: [{type: deny, enforce: 'no'}]", refused: true},
		{name: "template in a name", text: "on_request: [{name: '${req.id}', actions: [{type: deny}]}]", refused: true},
		{name: "duration without a unit", text: "route: [{total_timeout: 30}]", refused: true},
		{name: "duration of other words", text: "route: [{total_timeout: 30 seconds}]", refused: true},
		{name: "strategy without a list", text: "route: [{model_selection: {strategy: ai.models}}]", refused: true},
		{name: "no strategy", text: "route: [{model_selection: {strategy: []}}]", refused: true},
		{name: "selection that is null", text: "route: [{model_selection: }]", refused: true},
		{name: "too many attempts", text: "route: [{failover: {max_attempts: 51}}]", refused: true},
		{name: "name in ai-gateway", text: "on_request: [{type: ai-gateway, config: {name: a}}]", refused: true},
		{name: "provider without an id", text: "providers: [{base_url: 'http://a'}]", refused: true},
		{name: "providers that are a mapping", text: "providers: {id: a}", refused: true},
		{name: "address without a scheme", text: "providers: [{id: a, base_url: a.example.com}]", refused: true},
		{name: "key without a value", text: "providers: [{id: openai, api_keys: [{weight: 1}]}]", refused: true},
		{name: "negative price", text: "providers: [{id: openai, models: [{id: b, pricing: {input: -1}}]}]", refused: true},
		{name: "header that is a list", text: "route: [{headers: {a: [b]}}]", refused: true},
	}
	schema := compiledSchema(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte(tt.text)}, policies.Options{Actions: actions.Registry()})
			if diags.HasErrors() != tt.refused {
				t.Errorf("the loader: got errors %v, want %v: %v", diags.HasErrors(), tt.refused, diags)
			}
			if err := validate(schema, tt.text); (err != nil) != tt.refused {
				t.Errorf("the schema: got error %v, want one: %v", err, tt.refused)
			}
		})
	}
}
