package admin

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write testdata/openapi.json")

func TestOpenAPIGolden(t *testing.T) {
	h := newHarness(t)
	golden := filepath.Join("testdata", "openapi.json")
	got := append(bytes.Clone(h.api.openAPI), '\n')
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the document differs from %s; 'go test ./access/admin -update' writes it (-want +got):\n%s", golden, diff)
	}
	if a := h.want(call{method: "GET", path: "/openapi.json"}, 200); a.raw != string(got) {
		t.Error("another document is served")
	}
}

func TestOpenAPI(t *testing.T) {
	h := newHarness(t)
	var d struct {
		OpenAPI    string
		Paths      map[string]map[string]map[string]any
		Components map[string]map[string]any
		Security   []map[string][]string
	}
	if err := json.Unmarshal(h.api.openAPI, &d); err != nil {
		t.Fatal(err)
	}
	if d.OpenAPI != "3.1.0" || len(d.Security) != 1 || d.Components["securitySchemes"]["bearer"] == nil {
		t.Errorf("got version %q and security %v", d.OpenAPI, d.Security)
	}
	var routed, documented []string
	for _, r := range h.api.routes.all {
		routed = append(routed, r.method+" "+r.pattern)
		if r.method == methodGet {
			routed = append(routed, "HEAD "+r.pattern)
		}
		operation := d.Paths[r.pattern][strings.ToLower(r.method)]
		if got, want := operation["x-roles"], any(anys(r.right.roles())); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got roles %v, want %v", r.name, got, want)
		}
		if (operation["requestBody"] != nil) != (r.in != nil) {
			t.Errorf("%s: got body %v", r.name, operation["requestBody"])
		}
	}
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for method, operation := range methods {
			documented = append(documented, strings.ToUpper(method)+" "+path)
			id, _ := operation["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s %s: the operation id %q is there twice or empty", method, path, id)
			}
			ids[id] = true
			if operation["summary"] == "" {
				t.Errorf("%s %s has no summary", method, path)
			}
			// What is documented is served: with no token it is refused, and not left to others.
			target := strings.ReplaceAll(path, "{id}", "x")
			h.api.guard = guard{}
			if status, _, _ := h.send(call{method: strings.ToUpper(method), path: target, token: "-"}); status != 401 {
				t.Errorf("%s %s: got %d without a token, want 401", method, path, status)
			}
			parameters, _ := operation["parameters"].([]any)
			has := slices.ContainsFunc(parameters, func(p any) bool { return reflect.ValueOf(p).MapIndex(reflect.ValueOf("in")).Interface() == "path" })
			if has != strings.Contains(path, "{id}") {
				t.Errorf("%s %s: got parameters %v", method, path, parameters)
			}
		}
	}
	slices.Sort(routed)
	slices.Sort(documented)
	if diff := cmp.Diff(routed, documented); diff != "" {
		t.Errorf("routes and document differ (-routes +document):\n%s", diff)
	}
	refs(t, h, h.document)
	for name := range d.Components["schemas"] {
		if _, err := h.schemas.Compile("mem://openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
}

func anys(in []string) []any {
	out := make([]any, 0, len(in))
	for _, s := range in {
		out = append(out, s)
	}
	return out
}

// refs checks that every reference leads somewhere.
func refs(t *testing.T, h *harness, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if to, ok := v["$ref"].(string); ok {
			if _, found := dig(h.document, strings.Split(strings.TrimPrefix(to, "#/"), "/")...); !found {
				t.Errorf("%s leads nowhere", to)
			}
		}
		for _, inner := range v {
			refs(t, h, inner)
		}
	case []any:
		for _, inner := range v {
			refs(t, h, inner)
		}
	}
}

// TestSchemasSayWhatTheDecoderTakes tries bodies on both: what the one takes the other does.
func TestSchemasSayWhatTheDecoderTakes(t *testing.T) {
	h := newHarness(t)
	types := map[string]reflect.Type{}
	partial := map[string]bool{}
	for _, r := range h.api.routes.all {
		if r.in == nil {
			continue
		}
		body, _ := dig(h.document, "paths", r.pattern, strings.ToLower(r.method), "requestBody", "content", "application/json", "schema")
		name := strings.TrimPrefix((&answer{body: body}).text(t, "$ref"), "#/components/schemas/")
		types[name], partial[name] = r.in, r.partial
	}
	bodies := []string{
		`{}`, `{"name":"x"}`, `{"name":null}`, `{"name":""}`, `{"name":7}`, `{"name":"` + strings.Repeat("x", 256) + `"}`, `{"description":null}`, `{"x":1}`,
		`{"overlapSeconds":5}`, `{"overlapSeconds":-1}`, `{"overlapSeconds":null}`, `{"role":"admin"}`, `{"role":"root"}`, `{"role":null}`, `{"value":"v"}`, `{"name":"x","value":"v"}`,
		`{"name":"x","value":"v","providerId":"openai"}`, `{"name":"x","baseUrl":"u"}`, `{"name":"x","baseUrl":"u","providerId":"p"}`,
		`{"name":"x","baseUrl":"u","providerId":"p","models":[{}]}`, `{"name":"x","baseUrl":"u","providerId":"p","models":[{"modelId":"m"}]}`, `{"models":[{"id":"m"}]}`, `{"models":null}`,
		`{"groups":["a"]}`, `{"groups":[""]}`, `{"groups":[null]}`, `{"groups":"a"}`, `{"expiresAt":"2030-01-01T00:00:00Z"}`, `{"expiresAt":"later"}`, `{"expiresAt":null}`,
		`{"token":"0123456789abcdef"}`, `{"token":"short"}`, `{"disabled":true}`, `{"disabled":1}`,
		`{"name":"x","unit":"usd","limit":"1"}`, `{"name":"x","unit":"eur","limit":"1"}`, `{"name":"x","unit":"usd","limit":1}`, `{"unit":null}`, `{"warn_at":[50]}`, `{"warn_at":[0]}`, `{"status":402}`, `{"status":500}`,
		`{"name":"x","access":{"models":{"allow":[],"deny":["a"]}}}`, `{"name":"x","access":{"models":["a"]}}`, `{"name":"x","access":{"models":null}}`, `{"name":"x","router":{}}`,
		`{"name":"x","router":{"rules":[{"steps":[{"type":"user","keys":[{"id":"k"}]}]}]}}`, `{"name":"x","router":{"rules":[{"steps":[{"type":"odd"}]}]}}`, `{"router":null}`,
		`{"maxInputTokens":5}`, `{"maxInputTokens":0}`, `{"totalTimeout":"5s"}`, `{"provider_key_ids":["x"]}`,
	}
	taken := 0
	for name, in := range types {
		s, err := h.schemas.Compile("mem://openapi.json#/components/schemas/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range bodies {
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			bySchema := s.Validate(v)
			byDecoder := decodeObject([]byte(body), reflect.New(in).Interface(), partial[name])
			if (bySchema == nil) != (byDecoder == nil) {
				t.Errorf("%s: %s: the schema says %v, the decoder %v", name, body, bySchema, byDecoder)
			}
			if byDecoder == nil {
				taken++
			}
		}
	}
	if taken < len(types) {
		t.Errorf("only %d bodies were taken", taken)
	}
}
