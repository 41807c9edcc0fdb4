//go:build !race

package content

import (
	"strings"
	"testing"
	"time"

	"weir/engine/wire"
)

// TestRedactorCost checks that no text costs many times what others do: each of these is made of what a scanner reads
// far ahead or back for.
func TestRedactorCost(t *testing.T) {
	const size = 200 << 10
	d := detector(t, DetectorConfig{Entities: Entities()})
	parts := []string{
		"eyJ.", "eyJhbGciOiJIUzI1NiJ9.", "sk-", "sk-a1", "sk-abc-", "ghp_", "AKIA", joinCanary("-----BEGIN RSA PRIV", "ATE KEY-----"), "-----BEGIN ", "-----END ",
		"@a.", "a@a", "aa@aa.", `"@`, "1 ", "12 ", "1234 ", "0.", "+1 ", "(1) ", "1.1.1.", "1::", "a:b:", "::", "http://x)))", "x://", "a://a",
		"secret key ", "secretkeykey", "DE89 ", "DE8", "123456789 ", "phone 1", "x" + "\u200b", "é", "\u0665", "0049 ", "01 02 03 ",
		"http://(", ")", "ssn 1-", "A-", "SG.SG.", "whsec_", "https://a/))))))))))))))))))))))))))))))))))))))))))))) ",
	}
	for _, part := range parts {
		text := strings.Repeat(part, size/len(part))
		r := NewRedactor(d, wire.AllTextKinds, masked)
		began := time.Now()
		if _, err := r.ReplaceAll(wire.TextUser, text); err != nil {
			t.Fatalf("%q: %v", part, err)
		}
		whole := time.Since(began)
		ch := wire.TextChannel{Slot: 1, Kind: wire.TextUser}
		var out []byte
		began = time.Now()
		for rest := text; rest != ""; {
			n := min(12, len(rest))
			out, _, _ = r.Feed(out[:0], ch, []byte(rest[:n]))
			rest = rest[n:]
		}
		pieces := time.Since(began)
		// Prose takes a millisecond and the slowest of these some dozens; what grows with the square takes minutes.
		if whole > 5*time.Second || pieces > 10*time.Second {
			t.Errorf("%q: got %v for the whole and %v in pieces", part, whole, pieces)
		}
		t.Logf("%q: %v whole, %v in pieces", part, whole, pieces)
	}
}
