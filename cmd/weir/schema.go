package main

import (
	"fmt"

	"weir/actions"
	"weir/policies/editor"
)

type schemaCmd struct {
	Out string `short:"o" type:"path" help:"File to write to; standard output without it."`
}

// Run writes the JSON Schema of the policy language.
func (c *schemaCmd) Run(a *app) error {
	text, err := editor.Schema(actions.Registry())
	if err != nil {
		return fmt.Errorf("making the schema: %w", err)
	}
	if c.Out == "" {
		return a.printf("%s", text)
	}
	return write(c.Out, string(text))
}
