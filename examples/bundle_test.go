package examples_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const (
	bundleFolder    = "13-bundle"
	bundleSignature = ".signatures.json"
)

// TestBundleOfTheExample holds the bundle of the example to its source. With -update it builds it anew, signed with a key
// that is thrown away.
func TestBundleOfTheExample(t *testing.T) {
	source := bundleSource(t)
	path := filepath.Join(bundleFolder, "bundle.tar.gz")
	if *update {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(bundleFolder, "release.pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
		source[bundleSignature] = signBundle(t, source, key)
		writeFile(t, path, packBundle(t, source))
		return
	}
	packed := unpackBundle(t, path)
	if len(packed[bundleSignature]) == 0 {
		t.Error("got no signature in the bundle, want one")
	}
	delete(packed, bundleSignature)
	if !maps.EqualFunc(source, packed, bytes.Equal) {
		t.Errorf("got a bundle of %v, want what source holds: run this test with -update", slices.Sorted(maps.Keys(packed)))
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func bundleSource(t *testing.T) map[string][]byte {
	t.Helper()
	root := filepath.Join(bundleFolder, "source")
	out := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// signBundle is the signature of a bundle: a token that has the hash of each file. Documents count as what they say, however
// they are written.
func signBundle(t *testing.T, files map[string][]byte, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	list := make([]map[string]string, 0, len(files))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		if filepath.Ext(name) != ".rego" {
			var doc any
			if err := json.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			text = marshal(t, doc)
		}
		sum := sha256.Sum256(text)
		list = append(list, map[string]string{"name": name, "hash": hex.EncodeToString(sum[:]), "algorithm": "SHA-256"})
	}
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"ES256","kid":"release"}`)) + "." + encode(marshal(t, map[string]any{"files": list}))
	sum := sha256.Sum256([]byte(token))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	const half = 32
	signature := append(r.FillBytes(make([]byte, half)), s.FillBytes(make([]byte, half))...)
	return marshal(t, map[string][]string{"signatures": {token + "." + encode(signature)}})
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func packBundle(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unpackBundle(t *testing.T, path string) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(zip)
	out := map[string][]byte{}
	for {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[head.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}
