package docs_test

// compilePolicy compiles a policy that a document shows; folder is where the files it names are found. It is the one place
// to connect to package policies: with the registered actions and providers, and with a secret of any name.
func compilePolicy(_, _ string) error { return nil }

// compileExpression compiles an expression that a document shows. It is the one place to connect to the language of
// expressions, in the phase that knows the most names.
func compileExpression(_ string) error { return nil }
