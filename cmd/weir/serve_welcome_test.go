package main

import "testing"

// TestHere: what the start suggests must be an address that the command line takes.
func TestHere(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{
		"127.0.0.1:9081": "127.0.0.1:9081", "[::]:9080": "127.0.0.1:9080", "0.0.0.0:9080": "127.0.0.1:9080",
		"10.1.2.3:9080": "10.1.2.3:9080", "/run/weir/admin": "unix:/run/weir/admin",
	} {
		if got := here(at); got != want {
			t.Errorf("here(%q): got %q, want %q", at, got, want)
		}
	}
}
