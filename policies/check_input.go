package policies

import "weir/engine/diag"

// CheckInput is Check for one document whose text may not be saved yet: an editor's. Options.Build, where set, is asked as
// well.
func CheckInput(in Input, opts Options) FileReport {
	c := compile(in, opts, oneLoad(opts))
	if !c.diags.HasErrors() && opts.Build != nil {
		_, diags := opts.Build(c.cfg)
		c.add(diags)
	}
	return FileReport{
		Path: in.Path, Hash: c.cfg.Hash,
		Diagnostics: append(diag.List{}, c.diags...), Exceptions: append([]Exception{}, c.exceptions...),
	}
}
