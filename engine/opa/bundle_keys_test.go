package opa

import (
	"strings"
	"testing"
)

func TestSignedBundle(t *testing.T) {
	secret := func(id string) BundleKey { return BundleKey{ID: id, Algorithm: "HS256", Key: testSecret} }
	other := BundleKey{ID: "other", Algorithm: "HS256", Key: strings.Repeat("x", minSecret)}
	data := signed(t, testSecret, "HS256", "main", "")
	scoped := signed(t, testSecret, "HS256", "main", "write")
	in := func(k BundleKey, scope string) BundleKey { k.Scope = scope; return k }
	tests := []struct {
		name string
		data []byte
		opts BundleOptions
		want string // part of what is wrong; "" = nothing
	}{
		{name: "one key", data: data, opts: BundleOptions{Keys: []BundleKey{secret("any name")}}},
		{name: "several keys", data: data, opts: BundleOptions{Keys: []BundleKey{other, secret("main")}}},
		{name: "several keys, none of that name", data: data, opts: BundleOptions{Keys: []BundleKey{other, secret("side")}}, want: "not found"},
		{name: "another key", data: data, opts: BundleOptions{Keys: []BundleKey{other}}, want: "verify"},
		{name: "scope of the bundle", data: scoped, opts: BundleOptions{Keys: []BundleKey{secret("main")}, Scope: "write"}},
		{name: "scope of the key", data: scoped, opts: BundleOptions{Keys: []BundleKey{in(secret("main"), "write")}}},
		{name: "another scope", data: scoped, opts: BundleOptions{Keys: []BundleKey{secret("main")}, Scope: "read"}, want: "scope"},
		{name: "a scope that is not signed", data: data, opts: BundleOptions{Keys: []BundleKey{secret("main")}, Scope: "read"}, want: "scope"},
		{name: "a scope that is not asked for", data: scoped, opts: BundleOptions{Keys: []BundleKey{secret("main")}}, want: "scope"},
		{name: "unsigned", data: packed(t, map[string]string{"a.rego": "package a"}), opts: BundleOptions{Keys: []BundleKey{other}}, want: "no signature"},
		{name: "no signature in the file", data: packed(t, map[string]string{"a.rego": "package a", ".signatures.json": "{}"}), opts: BundleOptions{Keys: []BundleKey{other}}, want: "no signature"},
		{name: "a verifier of its own", data: packed(t, map[string]string{"a.rego": "package a", ".signatures.json": `{"signatures": ["x"], "plugin": "y"}`}), opts: BundleOptions{Keys: []BundleKey{other}}, want: "verifier"},
		{name: "a changed file", data: changed(t, data, "access/access.rego", "package access\n\ndefault decision := true\n"), opts: BundleOptions{Keys: []BundleKey{secret("main")}}, want: "digest mismatch"},
		{name: "changed data", data: changed(t, data, "data.json", `{"teams": {"blue": 4}}`), opts: BundleOptions{Keys: []BundleKey{secret("main")}}, want: "digest mismatch"},
		{name: "a changed manifest", data: changed(t, data, ".manifest", `{"revision": "r8", "roots": ["access", "teams"]}`), opts: BundleOptions{Keys: []BundleKey{secret("main")}}, want: "digest mismatch"},
		{name: "a further file", data: changed(t, data, "access/more.rego", "package access\n"), opts: BundleOptions{Keys: []BundleKey{secret("main")}}, want: "not included"},
		{name: "a further file that is excluded", data: changed(t, data, "access/more.rego", "package access\n"), opts: BundleOptions{Keys: []BundleKey{secret("main")}, ExcludeFiles: []string{"access/m*.rego"}}},
		{name: "a file taken out", data: changed(t, data, "data.json", ""), opts: BundleOptions{Keys: []BundleKey{secret("main")}}, want: "signed and not in it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, diags := ReadBundle(tt.data, tt.opts)
			switch {
			case tt.want == "" && (len(diags) > 0 || b.Revision != "r7"):
				t.Errorf("got %v and %v, want the bundle", b, diags)
			case tt.want != "" && (b != nil || len(diags) != 1 || diags[0].Code != "bundle_signature" || !strings.Contains(diags[0].Message, tt.want)):
				t.Errorf("got %v and %v, want bundle_signature with %q", b, diags, tt.want)
			}
		})
	}
}

// changed puts another text in place of a file of an archive, adds a file, or takes it out where the text is empty.
func changed(t *testing.T, data []byte, name, text string) []byte {
	t.Helper()
	files, err := readArchive(data)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		out[f.name] = string(f.data)
	}
	for old := range out {
		if strings.TrimPrefix(old, "/") == name {
			delete(out, old)
		}
	}
	if text != "" {
		out["/"+name] = text
	}
	return packed(t, out)
}

// TestBundleAlgorithms signs with every kind of key, and swaps the algorithm for one that takes the public key as a secret.
func TestBundleAlgorithms(t *testing.T) {
	for _, algorithm := range []string{"RS256", "PS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			private, public := keyPair(t, algorithm)
			key := BundleKey{ID: "main", Algorithm: algorithm, Key: public}
			if err := key.Check(); err != nil {
				t.Errorf("got %v, want a key", err)
			}
			if _, diags := ReadBundle(signed(t, private, algorithm, "main", ""), BundleOptions{Keys: []BundleKey{key}}); len(diags) > 0 {
				t.Errorf("got %v, want the bundle", diags)
			}
			forged := signed(t, public, "HS256", "main", "")
			if _, diags := ReadBundle(forged, BundleOptions{Keys: []BundleKey{key}}); len(diags) != 1 || diags[0].Code != "bundle_signature" {
				t.Errorf("got %v, want a signature made with the public key refused", diags)
			}
		})
	}
}

func TestBundleKeyCheck(t *testing.T) {
	private, public := keyPair(t, "RS256")
	_, short := keyPair(t, "RS256 short")
	_, curve := keyPair(t, "ES256")
	tests := []struct {
		name, algorithm, key, want string
	}{
		{"short secret", "HS256", "hunter2", "32 bytes"},
		{"no key", "RS256", "", "PEM"},
		{"private key", "RS256", private, "private key"},
		{"short key", "RS256", short, "2048 bits"},
		{"another kind", "ES256", public, "not one of ES256"},
		{"another curve", "ES384", curve, "not one of ES384"},
		{"kinds mixed", "RS256", curve, "not one of RS256"},
		{"broken", "RS256", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "reading the key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := BundleKey{Algorithm: tt.algorithm, Key: tt.key}.Check()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
