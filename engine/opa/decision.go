package opa

// Decision is a decision document.
type Decision struct {
	Allow   bool
	Status  int // 0 = the default of a refusal
	Code    string
	Message string
	Headers []Header
	Vars    map[string]any
	Patch   []Patch
	Redact  []Redaction
	Models  *Models // nil = the route stays as it is
}

// Header is one field of the answer.
type Header struct{ Name, Value string }

// Patch is one operation of RFC 6902 on the client's body.
type Patch struct {
	Op    string
	Path  string
	From  string
	Value []byte // JSON
}

// Redaction replaces text: exactly one of Pattern, Text and Entity says what.
type Redaction struct {
	Pattern string // RE2
	Text    string // literal
	Entity  string // as the redact action names them
	Replace string // literal; "" = removed
}

// Models narrows the route.
type Models struct {
	Allow []string
	// HasAllow says that the decision has an allow list, which may be empty.
	HasAllow bool
	Deny     []string
}
