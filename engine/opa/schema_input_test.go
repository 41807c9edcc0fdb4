package opa

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"weir/engine/vars"
)

// TestEveryVariableIsInTheInput compiles a module per variable and asks for its value, so that table, schema and input
// cannot differ.
func TestEveryVariableIsInTheInput(t *testing.T) {
	for _, v := range vars.All() {
		if !forRego(v) {
			continue
		}
		n := lookUp(strings.Split(v.Path, "."))
		if n == nil {
			t.Errorf("%s is not in the input", v.Path)
			continue
		}
		path := "input." + v.Path
		if n.kind == kindNamespace {
			path += "." + valueName
		}
		phase := vars.PhaseRequest
		if v.Phases&phase == 0 {
			phase = vars.PhaseResponse
		}
		q := query(t, compile(t, "package a\n\ndecision if "+path+" == input.vars.x\n"), "data.a.decision", phase)
		if !q.Reads().Has(v.ID) || q.Reads().Len() > 2 {
			t.Errorf("%s: got %d variables", path, q.Reads().Len())
		}
	}
}

func TestInputSchema(t *testing.T) {
	text, err := InputSchema()
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Additional bool `json:"additionalProperties"`
		Properties map[string]struct {
			Properties map[string]struct {
				Type       string
				Additional any `json:"additionalProperties"`
				Properties map[string]struct{ Type, Description string }
			}
		}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	url := s.Properties["req"].Properties["url"]
	if url.Properties["value"].Type != "string" || url.Properties["port"].Type != "integer" || url.Additional != false || url.Properties["path"].Description == "" {
		t.Errorf("got %+v", url)
	}
	if w := s.Properties["ai"].Properties["response"].Properties["window"]; w.Type != "object" {
		t.Errorf("got %+v", w)
	}
}

func TestCapabilities(t *testing.T) {
	text, err := Capabilities()
	if err != nil {
		t.Fatal(err)
	}
	c, err := ast.LoadCapabilitiesJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"weir.detect": true, "weir.tokens": true, "count": true, "io.jwt.decode_verify": true, "rand.intn": true, "time.now_ns": true,
		"http.send": false, "opa.runtime": false, "net.lookup_ip_addr": false, "rego.parse_module": false, "trace": false,
	} {
		if got := c.ContainsBuiltin(name); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
	if !strings.Contains(string(text), `"features"`) || len(c.AllowNet) != 0 {
		t.Errorf("got %v", c.AllowNet)
	}
}
