package bench

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed policies/*.yaml
var policyFiles embed.FS

// Policy is the text of one of the policies under policies/, with the address of the provider filled in.
func Policy(name, provider string) (string, error) {
	text, err := policyFiles.ReadFile("policies/" + name + ".yaml")
	if err != nil {
		return "", fmt.Errorf("reading the policy: %w", err)
	}
	return strings.ReplaceAll(string(text), "PROVIDER", provider), nil
}
