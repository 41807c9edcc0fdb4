package main

import (
	"fmt"

	"weir/actions"
	"weir/engine/opa"
	"weir/policies/editor"
)

type schemaCmd struct {
	Of  string `arg:"" optional:"" enum:"policy,rego-input,rego-capabilities" default:"policy" help:"What is described: policy, the language of policies; rego-input, what Rego sees of an exchange; rego-capabilities, what Rego may call, as opa --capabilities takes it."`
	Out string `short:"o" type:"path" help:"File to write to; standard output without it."`
}

// Run writes a JSON Schema, or the capabilities of Rego.
func (c *schemaCmd) Run(a *app) error {
	text, err := schemaOf(c.Of)
	if err != nil {
		return err
	}
	if c.Out == "" {
		return a.printf("%s", text)
	}
	return write(c.Out, string(text))
}

func schemaOf(what string) (text []byte, err error) {
	switch what {
	case "rego-input":
		text, err = opa.InputSchema()
	case "rego-capabilities":
		text, err = opa.Capabilities()
	default:
		text, err = editor.Schema(actions.Registry())
	}
	if err != nil {
		return nil, fmt.Errorf("making the schema: %w", err)
	}
	return text, nil
}
