package opa

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/util"

	"weir/engine/diag"
)

// testSecret signs the bundles of tests; nothing else knows it.
const testSecret = "only-for-tests-and-32-bytes-long"

// packed makes an archive of files by hand, as they are.
func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	heads, texts := make([]tar.Header, 0, len(files)), make([]string, 0, len(files))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		heads = append(heads, tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(files[name]))})
		texts = append(texts, files[name])
	}
	return packedEntries(t, heads, texts)
}

func packedEntries(t *testing.T, heads []tar.Header, texts []string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for i := range heads {
		if err := w.WriteHeader(&heads[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(texts[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// signed makes a bundle with OPA's own writer and signs it with OPA's own signer.
func signed(t *testing.T, key, algorithm, id, scope string) []byte {
	t.Helper()
	text := "package access\n\ndefault decision := false\n"
	roots := []string{"access", "teams"}
	b := bundle.Bundle{
		Manifest: bundle.Manifest{Revision: "r7", Roots: &roots},
		Data:     map[string]any{"teams": map[string]any{"blue": json.Number("3")}},
		Modules: []bundle.ModuleFile{{
			URL: "/access/access.rego", Path: "/access/access.rego", RelativePath: "/access/access.rego",
			Parsed: ast.MustParseModule(text), Raw: []byte(text),
		}},
	}
	config := bundle.NewSigningConfig(key, algorithm, "")
	if scope != "" {
		config.ClaimsPath = writeJSON(t, map[string]any{"scope": scope, "keyid": id})
	}
	if err := b.GenerateSignature(config, id, false); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := bundle.NewWriter(&out).UseModulePath(true).DisableFormat(true).Write(b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func writeJSON(t *testing.T, v any) string {
	t.Helper()
	path := t.TempDir() + "/claims.json"
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyPair makes a key and returns both halves in PEM.
func keyPair(t *testing.T, algorithm string) (private, public string) {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256 short":
		key, err = rsa.GenerateKey(rand.Reader, 1024)
	default:
		key, err = rsa.GenerateKey(rand.Reader, minModulus)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
}

func TestReadBundle(t *testing.T) {
	data := packed(t, map[string]string{
		"/.manifest":               `{"revision": "r1", "roots": ["access", "teams", "system/log"]}`,
		"/access/access.rego":      "package access\n\ndefault decision := false\n",
		"/access/access_test.rego": "package access_test\n",
		"/teams/data.json":         `{"blue": {"limit": 3}}`,
		"/teams/red/data.yaml":     "limit: 4\n",
		"/system/log/mask.rego":    "package system.log\n\nmask contains \"/input/req\"\n",
		"/README.md":               "not part of it",
	})
	_, diags := ReadBundle(data, BundleOptions{Name: "b.tar.gz"})
	// a package beside the roots is refused, in tests as well
	if len(diags) != 1 || diags[0].Code != "bad_bundle" || !strings.Contains(diags[0].Message, "access_test") {
		t.Fatalf("got %v, want the package outside of the roots refused", diags)
	}
	data = packed(t, map[string]string{
		"/.manifest":               `{"revision": "r1", "roots": ["access", "teams", "system/log"]}`,
		"/access/access.rego":      "package access\n\ndefault decision := false\n",
		"/access/access_test.rego": "package access.test\n",
		"/teams/data.json":         `{"blue": {"limit": 3}}`,
		"/teams/red/data.yaml":     "limit: 4\n",
		"/system/log/mask.rego":    "package system.log\n\nmask contains \"/input/req\"\n",
	})
	b, diags := ReadBundle(data, BundleOptions{Name: "b.tar.gz"})
	if len(diags) != 0 {
		t.Fatalf("got %v, want no diagnostics", diags)
	}
	if b.Name != "b.tar.gz" || b.Revision != "r1" || !slices.Equal(b.Roots, []string{"access", "teams", "system/log"}) {
		t.Errorf("got %q, revision %q and roots %v, want those of the manifest", b.Name, b.Revision, b.Roots)
	}
	if got := names(b.Modules); !slices.Equal(got, []string{"b.tar.gz/access/access.rego", "b.tar.gz/system/log/mask.rego"}) {
		t.Errorf("got modules %v, want both", got)
	}
	if got := names(b.Tests); !slices.Equal(got, []string{"b.tar.gz/access/access_test.rego"}) {
		t.Errorf("got tests %v, want the one", got)
	}
	want := map[string]any{"teams": map[string]any{"blue": map[string]any{"limit": json.Number("3")}, "red": map[string]any{"limit": json.Number("4")}}}
	if diff := cmp.Diff(want, b.data); diff != "" {
		t.Errorf("data differs (-want +got):\n%s", diff)
	}
}

func names(texts []Text) []string {
	out := make([]string, 0, len(texts))
	for i := range texts {
		out = append(out, texts[i].Name)
	}
	slices.Sort(out)
	return out
}

func TestReadBundleRefuses(t *testing.T) {
	module := "package a\n\nallow := true\n"
	file := func(name string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(module))}
	}
	good := packed(t, map[string]string{"a.rego": module})
	flipped := slices.Clone(good)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	tests := []struct {
		name       string
		data       []byte
		code, want string
	}{
		{"nothing", nil, "bad_bundle", "EOF"},
		{"no archive", []byte("package access"), "bad_bundle", "gzip"},
		{"cut off", good[:len(good)/2], "bad_bundle", "EOF"},
		{"checksum", flipped, "bad_bundle", "checksum"},
		{"no files", packed(t, nil), "bad_bundle", "empty"},
		{"no rego", packed(t, map[string]string{"README.md": "x"}), "bad_bundle", "neither modules nor data"},
		{"delta", packed(t, map[string]string{"patch.json": `{"data": []}`, "a.rego": module}), "unsupported_bundle", "delta"},
		{"wasm", packed(t, map[string]string{"policy.wasm": "x", "a.rego": module}), "unsupported_bundle", "policy.wasm"},
		{"old rego", packed(t, map[string]string{".manifest": `{"rego_version": 0}`, "a.rego": "package a\n\nallow { true }\n"}), "unsupported_bundle", "before OPA 1.0"},
		{"bad manifest", packed(t, map[string]string{".manifest": `{"revision": 1}`, "a.rego": module}), "bad_bundle", "manifest"},
		{"roots that overlap", packed(t, map[string]string{".manifest": `{"roots": ["a", "a/b"]}`, "a.rego": module}), "bad_bundle", "overlapped roots"},
		{"package outside", packed(t, map[string]string{".manifest": `{"roots": ["b"]}`, "a.rego": module}), "bad_bundle", "do not permit"},
		{"data outside", packed(t, map[string]string{".manifest": `{"roots": ["b"]}`, "a/data.json": "{}"}), "bad_bundle", "do not permit"},
		{"bad data", packed(t, map[string]string{"a/data.json": "{"}), "bad_bundle", "a/data.json"},
		{"data twice", packed(t, map[string]string{"a/data.json": `{"b": 1}`, "a/b/data.json": `{"c": 1}`}), "bad_bundle", "a/data.json"},
		{"the same file twice", packedEntries(t, []tar.Header{file("a.rego"), file("/a.rego")}, []string{module, module}), "bad_bundle", "twice"},
		{"a path that leads out", packed(t, map[string]string{"../a.rego": module}), "bad_bundle", "not a path within"},
		{"a path with backslashes", packed(t, map[string]string{`..\a.rego`: module}), "bad_bundle", "not a path within"},
		{"a link", packedEntries(t, []tar.Header{{Name: "a.rego", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}}, []string{""}), "bad_bundle", "not a regular file"},
		{"signed", signed(t, testSecret, "HS256", "main", ""), "bundle_signature", "no keys are given"},
		{"a module that does not parse", packed(t, map[string]string{"a/b.rego": "package a\n\nallow := \n"}), "bad_bundle", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, diags := ReadBundle(tt.data, BundleOptions{Name: "b"})
			if b != nil || len(diags) == 0 || diags[0].Code != tt.code || !strings.Contains(diags[0].Message, tt.want) {
				t.Errorf("got %v and %v, want %s with %q", b, diags, tt.code, tt.want)
			}
		})
	}
	_, diags := ReadBundle(packed(t, map[string]string{"a/b.rego": "package a\n\nallow := \n"}), BundleOptions{Name: "b"})
	if len(diags) == 0 || diags[0].Pos != (diag.Pos{File: "b/a/b.rego", Line: 4, Col: 1}) {
		t.Errorf("got %v, want the place in the module", diags)
	}
}

// TestReadBundleSize is about archives that unpack to more than is allowed: they end early, in time and memory.
func TestReadBundleSize(t *testing.T) {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(zip)
	zeros := make([]byte, 1<<20)
	for i := range 5 {
		head := tar.Header{Name: string(rune('a'+i)) + ".txt", Typeflag: tar.TypeReg, Size: maxBundleFile}
		if err := w.WriteHeader(&head); err != nil {
			t.Fatal(err)
		}
		for range maxBundleFile / len(zeros) {
			if _, err := w.Write(zeros); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = w.Close()
	_ = zip.Close()
	if _, diags := ReadBundle(out.Bytes(), BundleOptions{}); len(diags) != 1 || !strings.Contains(diags[0].Message, errArchiveSize.Error()) {
		t.Errorf("got %v, want the size refused", diags)
	}
	out.Reset()
	zip.Reset(&out)
	w = tar.NewWriter(zip)
	if err := w.WriteHeader(&tar.Header{Name: "a.txt", Typeflag: tar.TypeReg, Size: maxBundleFile + 1}); err != nil {
		t.Fatal(err)
	}
	_ = zip.Close()
	if _, diags := ReadBundle(out.Bytes(), BundleOptions{}); len(diags) != 1 || !strings.Contains(diags[0].Message, "larger than") {
		t.Errorf("got %v, want the size of the file refused", diags)
	}
}

func TestRootConflicts(t *testing.T) {
	with := func(name string, roots ...string) *Bundle { return &Bundle{Name: name, Roots: roots} }
	module := func(text string) []Text { return []Text{{Name: "m.rego", Text: []byte("# it is mine\n" + text)}} }
	data := func(text string, path ...string) []Text {
		return []Text{{Name: "d.json", Text: []byte(text), Path: path}}
	}
	tests := []struct {
		name string
		opts Options
		want string // part of the message; "" = none
	}{
		{"apart", Options{Bundles: []*Bundle{with("a", "a"), with("b", "b", "c/d")}, Modules: module("package c.e"), Data: data(`{"c": {"f": 1}}`)}, ""},
		{"prefix of a name", Options{Bundles: []*Bundle{with("a", "acc"), with("b", "access")}}, ""},
		{"bundles", Options{Bundles: []*Bundle{with("a", "x", "a/b"), with("b", "a/b/c")}}, "a and b overlap: data.a.b and data.a.b.c"},
		{"a bundle without a manifest", Options{Bundles: []*Bundle{with("a", "a"), with("b", "")}}, "data.a and all of data"},
		{"module", Options{Bundles: []*Bundle{with("a", "a/b")}, Modules: module("package a.b.c")}, "the package a.b.c belongs to the bundle a"},
		{"module above", Options{Bundles: []*Bundle{with("a", "a/b")}, Modules: module("package a")}, "the package a belongs to the bundle a"},
		{"module that does not parse", Options{Bundles: []*Bundle{with("a", "a/b")}, Modules: module("pakage a")}, ""},
		{"data", Options{Bundles: []*Bundle{with("a", "a/b")}, Data: data(`{"z": 1, "a": {"c": 1, "b": {}}}`)}, "data.a.b belongs"},
		{"data by its path", Options{Bundles: []*Bundle{with("a", "a/b")}, Data: data(`{"c": 1}`, "a", "b")}, "data.a.b belongs"},
		{"data in place of what is above", Options{Bundles: []*Bundle{with("a", "a/b")}, Data: data(`{"a": 1}`)}, "data.a belongs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			diags := rootConflicts(tt.opts)
			if tt.want == "" && len(diags) > 0 || tt.want != "" && (len(diags) != 1 || diags[0].Code != "roots_conflict" || !strings.Contains(diags[0].Message, tt.want)) {
				t.Errorf("got %v, want %q", diags, tt.want)
			}
			if strings.Contains(tt.want, "package") && diags[0].Pos != (diag.Pos{File: "m.rego", Line: 2, Col: 1}) {
				t.Errorf("got %v, want where the package is named", diags[0].Pos)
			}
		})
	}
}

// TestSignatureIsOfBytes: what is verified is what is read, whatever reads it.
func TestSignatureIsOfBytes(t *testing.T) {
	var doc any
	if err := util.Unmarshal([]byte(`{"a": 1, "a": 2}`), &doc); err != nil {
		t.Fatal(err)
	}
	data := packed(t, map[string]string{"data.json": `{"a": 1, "a": 2}`})
	b, diags := ReadBundle(data, BundleOptions{})
	if len(diags) > 0 || cmp.Diff(doc, any(b.data)) != "" {
		t.Errorf("got %v and %v, want what the signature's hash is made of: %v", b, diags, doc)
	}
}
