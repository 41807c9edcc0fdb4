package e2e

import "testing"

// TestQueriesChooseNoModelAndNoAccount: the model of a Gemini request is in its path. A provider that also looked for one in
// the query would answer with a model that no rule has seen, so a query that names one is refused or goes without it; and so
// does one that holds the caller's credential, which is not for the provider.
func TestQueriesChooseNoModelAndNoAccount(t *testing.T) {
	t.Parallel()
	const (
		body = `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`
		at   = "/v1beta/models/m:generateContent?"
	)
	tests := []struct {
		name, query string
		kept        string // what goes upstream of the query
	}{
		{"a model", "model=other", ""},
		{"a model behind another", "a=1&model=other", "a=1"},
		{"a model before another", "model=other&a=1", "a=1"},
		{"a model twice", "model=m&model=other", ""},
		{"a model in capitals", "MODEL=other", ""},
		{"an escaped name", "%6dodel=other", ""},
		{"a name escaped in full", "%6D%6F%64%65%6C=other", ""},
		{"models", "models=other", ""},
		{"a key", "key=sk-of-the-client&a=1", "a=1"},
		{"a key in capitals", "KEY=sk-of-the-client", ""},
		{"a key with an escaped name", "%6bey=sk-of-the-client", ""},
		{"a token", "access_token=sk-of-the-client&a=1", "a=1"},
		{"a name that nobody can read", "%zz=other", ""},
		{"the API's own parameters", "alt=json&prettyPrint=false", "alt=json&prettyPrint=false"},
		{"a name that ends so", "submodel=other", "submodel=other"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{policy: logPolicy, sims: map[string]string{"alpha": ""}})
			a := w.send(t, post(at+tt.query, body))
			calls := w.ended(t)
			if a.status >= 400 && a.status < 500 && len(calls) == 0 && tt.kept == "" {
				return
			}
			if a.status != 200 || len(calls) != 1 {
				t.Fatalf("got %d calls and %s, want one and an answer", len(calls), a)
			}
			if calls[0].Query != tt.kept {
				t.Errorf("got query %q upstream, want %q", calls[0].Query, tt.kept)
			}
		})
	}
}
