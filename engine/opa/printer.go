package opa

import (
	hook "github.com/open-policy-agent/opa/v1/topdown/print"
	"github.com/rs/zerolog"
)

// maxPrinted bounds one line: print is for finding out what a policy does, and what it is given may be a whole conversation.
const maxPrinted = 4 << 10

// printer writes what print says to the log.
type printer struct {
	log     zerolog.Logger
	sources *sources
}

// Print implements print.Hook.
func (p printer) Print(at hook.Context, text string) error {
	pos, _, _ := p.sources.place(at.Location)
	if len(text) > maxPrinted {
		text = text[:maxPrinted] + "…"
	}
	p.log.Info().Str("file", pos.File).Int("line", pos.Line).Str("text", text).Msg("rego print")
	return nil
}
