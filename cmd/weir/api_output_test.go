package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestTerminalsAreNotObeyed: what callers name and label themselves does nothing to the terminal that it is shown on, and
// is the same in JSON.
func TestTerminalsAreNotObeyed(t *testing.T) {
	t.Parallel()
	const hostile = "a\u009b31mb\u202ec\x7fd\u2066e\u061cf"
	text, err := json.Marshal(map[string]string{hostile: hostile, "ok": "ä€🙂"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (&app{out: &out}).printJSON(text); err != nil {
		t.Fatal(err)
	}
	for name, shown := range map[string]string{
		"json": out.String(), "cell": plain(hostile),
		"refusal": (&refusal{status: 400, Message: hostile, Details: map[string]string{hostile: hostile, "b": "c"}}).Error(),
	} {
		if strings.ContainsAny(shown, "\u009b\u202e\x7f\u2066\u061c\x1b") {
			t.Errorf("%s: got %q", name, shown)
		}
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got[hostile] != hostile || !strings.Contains(out.String(), "ä€🙂") {
		t.Errorf("got %q and %v, want the same texts", out.String(), err)
	}
}
