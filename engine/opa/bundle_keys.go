package opa

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/util"

	"weir/engine/diag"
)

// BundleKey is a key that bundles may be signed with.
type BundleKey struct {
	// ID is what signatures call it.
	ID string
	// Algorithm is one of BundleAlgorithms.
	Algorithm string
	// Key is a public key or certificate in PEM, or the shared secret of an HMAC.
	Key string
	// Scope is what signatures made with it must say.
	Scope string
}

// BundleAlgorithms returns the algorithms of signatures, the default first.
func BundleAlgorithms() []string {
	return []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512",
	}
}

const (
	// minSecret is the length of SHA-256, below which a shared secret is easier to guess than the signature it makes.
	minSecret = 32
	// minModulus is what has been asked of RSA keys for a decade.
	minModulus = 2048
)

// Check reports a key that cannot verify signatures of its algorithm.
func (k BundleKey) Check() error {
	if strings.HasPrefix(k.Algorithm, "HS") {
		if len(k.Key) < minSecret {
			return fmt.Errorf("a shared secret needs %d bytes at least", minSecret)
		}
		return nil
	}
	public, err := publicKey(k.Key)
	if err != nil {
		return err
	}
	fits := false
	switch key := public.(type) {
	case *rsa.PublicKey:
		fits = strings.HasPrefix(k.Algorithm, "RS") || strings.HasPrefix(k.Algorithm, "PS")
		if key.N.BitLen() < minModulus {
			return fmt.Errorf("the RSA key is shorter than %d bits", minModulus)
		}
	case *ecdsa.PublicKey:
		curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
		fits = curves[k.Algorithm] == key.Curve
	}
	if !fits {
		return fmt.Errorf("the key is not one of %s", k.Algorithm)
	}
	return nil
}

// publicKey reads a key in PEM. Private keys are refused: who can read them could sign.
func publicKey(text string) (any, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("it is not a key in PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = cert.PublicKey
		}
	default:
		return nil, fmt.Errorf("it is a %s, and a public key or certificate is needed", strings.ToLower(block.Type))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	return key, nil
}

// verification is what OPA verifies signatures with.
func verification(opts BundleOptions) *bundle.VerificationConfig {
	keys := make(map[string]*bundle.KeyConfig, len(opts.Keys))
	id := ""
	for _, k := range opts.Keys {
		keys[k.ID] = &bundle.KeyConfig{Key: k.Key, Algorithm: k.Algorithm, Scope: k.Scope}
		id = k.ID
	}
	if len(opts.Keys) > 1 {
		id = "" // the signature says which
	}
	return bundle.NewVerificationConfig(keys, id, opts.Scope, opts.ExcludeFiles)
}

// checkSignature looks at the signature of a bundle before anything else in it, so that nothing is parsed that somebody
// else made.
func checkSignature(files []archiveFile, opts BundleOptions) diag.List {
	if len(opts.Keys) == 0 {
		return nil
	}
	bad := func(format string, args ...any) diag.List {
		return bundleProblem(codeBundleSignature, "", "the bundle is not signed as it must be: "+format, args...)
	}
	var config bundle.SignaturesConfig
	found := false
	for _, f := range files {
		if !bundle.IsSignaturesFile(f.name) {
			continue
		}
		if found {
			return bad("it holds several .signatures.json")
		}
		found = true
		if err := util.Unmarshal(f.data, &config); err != nil {
			return bad("its .signatures.json cannot be read")
		}
	}
	if len(config.Signatures) == 0 {
		return bad("there is no signature in it")
	}
	hashes, err := bundle.VerifyBundleSignature(config, verification(opts))
	if err != nil {
		return bad("%v", err)
	}
	return checkHashes(files, hashes, opts, bad)
}

// checkHashes compares what the signature says about each file with the file.
func checkHashes(files []archiveFile, hashes map[string]bundle.FileInfo, opts BundleOptions, bad func(string, ...any) diag.List) diag.List {
	for _, f := range files {
		name := strings.TrimPrefix(f.name, "/")
		if bundle.IsSignaturesFile(f.name) || excluded(name, opts.ExcludeFiles) {
			delete(hashes, name)
			continue
		}
		if err := bundle.VerifyBundleFile(name, *bytes.NewBuffer(f.data), hashes); err != nil {
			return bad("%v", err)
		}
	}
	for name := range hashes {
		return bad("%s is signed and not in it", name)
	}
	return nil
}

func excluded(name string, patterns []string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, name); ok && err == nil {
			return true
		}
	}
	return false
}
