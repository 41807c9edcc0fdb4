package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func validSeeds() []string {
	return []string{
		`{}`, `[]`, ` { "a" : [ 1 , -0.5e+3 , true , false , null , "x\u00e9\ud83d\ude00\n\"" ] } `, `"é"`, `0`, `-0`, ``, ` `,
		`01`, `1.`, `.5`, `1e`, `-`, `+1`, `tru`, `nul`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,1]`, `{,}`, `[1 2]`, `{"a":1 "b":2}`,
		`"\x"`, `"\u12g4"`, `"\ud800"`, "\"\x01\"", "\"\t\"", "\"\xff\"", `"open`, `"open\`, `{}x`, `[}`, `{]`, `{1:2}`, "\"1234567\x1f\"",
		`"12345678"`, `"1234567\"9"`, "\ufeff{}",
	}
}

func TestGetValid(t *testing.T) {
	for _, seed := range validSeeds() {
		if got, want := getValid([]byte(seed)), json.Valid([]byte(seed)); got != want {
			t.Errorf("%q: got %v, want %v", seed, got, want)
		}
	}
	deep := strings.Repeat("[", getDepth) + strings.Repeat("]", getDepth)
	if !getValid([]byte(deep)) {
		t.Errorf("got invalid at %d levels, want valid", getDepth)
	}
	if getValid([]byte("[" + deep + "]")) {
		t.Errorf("got valid at %d levels, want invalid", getDepth+1)
	}
}

func FuzzGetValid(f *testing.F) {
	for _, seed := range validSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > getDepth {
			t.Skip("encoding/json nests deeper")
		}
		if got, want := getValid(data), json.Valid(data); got != want {
			t.Errorf("%q: got %v, want %v", data, got, want)
		}
	})
}

func TestSignalString(t *testing.T) {
	for s := SignalPreamble; s <= SignalMalformed; s++ {
		if got := s.String(); got == "" || got == "unknown" {
			t.Errorf("got %q for signal %d, want a name", got, s)
		}
	}
}
