package server

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLoggedBody(t *testing.T) {
	t.Parallel()
	const key = "sk-proj-0123456789abcdefghijklmnop"
	tests := []struct {
		name, body string
		most       int
		want       string
	}{
		{"short", `{"a":1}`, 100, `{"a":1}`},
		{"as long as may be", "abcdef", 6, "abcdef"},
		{"longer", "abcdefg", 6, "abcdef..."},
		{"a key", `{"k":"` + key + `"}`, 100, `{"k":"sk-***"}`},
		{"a key behind the cut", "abcdef " + key, 6, "abcdef..."},
		{"a key over the cut", "abcdef " + key + " and more", 7 + len("sk-proj-01"), "abcdef sk-..."},
		{"a named secret over the cut", `abcdef "api_key": "0123456789abcdef0123456789abcdef"` + strings.Repeat(" ", 500), 25, `abcdef "api_key": "...`},
		{"a character over the cut", "abcde\u20ac", 6, "abcde..."},
		{"a long one", strings.Repeat("a ", 20<<10), maxLogBody, strings.Repeat("a ", maxLogBody/2) + "..."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := string(loggedBody([]byte(tt.body), tt.most)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestLoggedBodyAtEveryCut: wherever a body is cut, no part of a credential is left.
func TestLoggedBodyAtEveryCut(t *testing.T) {
	t.Parallel()
	body := `{"text":"é","header":"Authorization: Bearer 0123456789secret0123456789","key":"AIza0123456789secret0123456789",` +
		`"client_secret":  "0123456789secret0123456789","tail":"` + strings.Repeat("b ", 200) + `"}`
	for most := 1; most <= len(body)+1; most++ {
		got := string(loggedBody([]byte(body), most))
		if strings.Contains(got, "012") || !utf8.ValidString(got) || len(got) > most+len("...") {
			t.Fatalf("cut at %d: got %q", most, got)
		}
	}
}
