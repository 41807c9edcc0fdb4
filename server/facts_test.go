package server

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/engine"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := filepath.Join(dir, "blocked.txt")
	if err := os.WriteFile(list, []byte("127.0.0.0/8 # this machine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := testConfig()
	c.Region, c.IP.Lists = "eu-1", []string{"blocklist=" + list}
	c.Listeners[0].TLS = selfSigned(t, "localhost")
	var got engine.Facts
	g := start(t, c, func(x *engine.Exchange) error {
		if err := x.LoadBody(); err != nil {
			return err
		}
		source, ok := x.Loader.(engine.FactSource)
		if !ok {
			return fmt.Errorf("%T tells no facts", x.Loader)
		}
		got = source.Facts()
		x.Respond(http.StatusOK, nil, []byte("ok"))
		return nil
	})
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	defer client.CloseIdleConnections()
	const body = `{"model":"m","messages":[]}`
	for range 2 {
		resp, err := client.Post("https://"+g.addr+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("got status %d", resp.StatusCode)
		}
	}
	if got.Region != "eu-1" || got.BytesIn < 2*int64(len(body)) || got.BytesOut == 0 || got.BodyReceived.IsZero() {
		t.Errorf("got %+v", got)
	}
	if !strings.HasPrefix(got.JA4, "t13") || got.Certificate == nil {
		t.Errorf("got fingerprint %q and certificate %v", got.JA4, got.Certificate)
	}
	if got.IPs == nil || !got.IPs.Lookup(netip.MustParseAddr("127.0.0.1")).Blocklist {
		t.Error("the list of addresses is not asked")
	}
}

func TestFilesOnAddressesMustLoad(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.IP.Databases = []string{filepath.Join(t.TempDir(), "none.mmdb")}
	if _, err := New(Options{Config: c, Policies: map[string]Policy{"default": &fakePolicy{plan: &fakePlan{}, open: true}}, Pool: &fakePool{}}); err == nil {
		t.Error("a gateway starts without the database that its configuration names")
	}
}
