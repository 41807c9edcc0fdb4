package opa

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// withheld are OPA's own functions that policies do not get: they reach outside the process, or tell about it.
func withheld(name string) bool {
	switch name {
	case "http.send", "opa.runtime", "net.lookup_ip_addr", "rego.parse_module", "trace":
		return true
	default:
		return false
	}
}

// capabilities are what a policy may use. http.send is there for the hosts named.
func capabilities(hosts []string) *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return withheld(b.Name) && (b.Name != ast.HTTPSend.Name || len(hosts) == 0)
	})
	for _, f := range functions() {
		c.Builtins = append(c.Builtins, f.decl)
	}
	slices.SortFunc(c.Builtins, func(a, b *ast.Builtin) int { return strings.Compare(a.Name, b.Name) })
	c.WasmABIVersions = nil
	c.AllowNet = slices.Clone(hosts)
	if c.AllowNet == nil {
		c.AllowNet = []string{} // nil would mean any host
	}
	return c
}

// Capabilities returns the capabilities of policies in the form that the opa command reads: opa check --capabilities.
func Capabilities() ([]byte, error) {
	out, err := json.MarshalIndent(capabilities(nil), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the capabilities: %w", err)
	}
	return append(out, '\n'), nil
}
