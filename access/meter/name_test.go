package meter

import (
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	const those = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@"
	for c := range 256 {
		s := string([]byte{'a', byte(c), 'z'})
		if got, want := plain(s), strings.IndexByte(those, byte(c)) >= 0; got != want {
			t.Errorf("got %t for the character %#x, want %t", got, c, want)
		}
	}
	if !plain("") {
		t.Error("got nothing refused")
	}
}
