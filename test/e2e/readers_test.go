package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"testing"
)

// pythonReader and nodeReader read one body in base64 a line and answer with what they find in it, one line each.
const pythonReader = `
import base64, json, sys
for line in sys.stdin:
    try:
        v = json.loads(base64.b64decode(line).decode("utf-8"))
        print(json.dumps({"model": v.get("model"), "messages": v.get("messages")}))
    except Exception as e:
        print(json.dumps({"error": str(e)}))
`

const nodeReader = `
for (const line of require("fs").readFileSync(0, "latin1").trim().split("\n")) {
  try {
    const v = JSON.parse(new TextDecoder("utf-8", {fatal: true, ignoreBOM: true}).decode(Buffer.from(line, "base64")));
    console.log(JSON.stringify({model: v.model, messages: v.messages}));
  } catch (e) {
    console.log(JSON.stringify({error: String(e)}));
  }
}
`

// comparison is the bodies that were served, as the client sent them and as the provider got them.
type comparison struct {
	names  []string
	bodies []string // two for each name
}

func (c *comparison) add(name, sent, arrived string) {
	c.names, c.bodies = append(c.names, name), append(c.bodies, sent, arrived)
}

// found is what one reader finds in one body.
type found struct {
	Model    any `json:"model"`
	Messages any `json:"messages"`
	Error    any `json:"error,omitempty"`
}

// run lets every reader read every body: all must find the same text in both, and the model that was meant in the second.
func (c *comparison) run(t *testing.T) {
	t.Helper()
	if len(c.names) == 0 {
		t.Fatal("no body was served, there is nothing to compare")
	}
	readers := map[string][]found{"Go into a map": c.goMap(), "Go into a struct": c.goStruct()}
	for name, command := range map[string][]string{"Python": {"python3", "-c", pythonReader}, "Node": {"node", "-e", nodeReader}} {
		if got := c.external(t, name, command); got != nil {
			readers[name] = got
		}
	}
	base := readers["Go into a map"]
	for reader, got := range readers {
		for i := range got {
			at := c.names[i/2] + map[int]string{0: " as sent", 1: " as it arrived"}[i%2]
			if got[i].Error != nil {
				t.Errorf("%s: %s cannot read it: %v", at, reader, got[i].Error)
				continue
			}
			if !reflect.DeepEqual(got[i], base[i]) {
				t.Errorf("%s: %s reads %v, a Go map %v", at, reader, got[i], base[i])
			}
			if i%2 == 1 && (got[i].Model != "m" || !reflect.DeepEqual(got[i].Messages, got[i-1].Messages)) {
				t.Errorf("%s: %s finds model %v and messages %v, want m and %v", at, reader, got[i].Model, got[i].Messages, got[i-1].Messages)
			}
		}
	}
}

// external runs a reader of another language. Where there is none the comparison is incomplete, which CI does not accept.
func (c *comparison) external(t *testing.T, name string, command []string) []found {
	t.Helper()
	path, err := exec.LookPath(command[0])
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Errorf("%s is missing: its reading was not compared", name)
		} else {
			t.Logf("SKIPPED: %s is missing, its reading was not compared", name)
		}
		return nil
	}
	var in bytes.Buffer
	for _, b := range c.bodies {
		in.WriteString(base64.StdEncoding.EncodeToString([]byte(b)) + "\n")
	}
	cmd := exec.CommandContext(t.Context(), path, command[1:]...)
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("running %s: %v", name, err)
		return nil
	}
	var got []found
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var f found
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Errorf("%s said %s: %v", name, lines.Text(), err)
			return nil
		}
		got = append(got, f)
	}
	if len(got) != len(c.bodies) {
		t.Errorf("%s read %d bodies, want %d", name, len(got), len(c.bodies))
		return nil
	}
	return got
}

func (c *comparison) goMap() []found {
	out := make([]found, len(c.bodies))
	for i, b := range c.bodies {
		var v map[string]any
		if err := json.Unmarshal([]byte(b), &v); err != nil {
			out[i].Error = err.Error()
			continue
		}
		out[i] = found{Model: v["model"], Messages: v["messages"]}
	}
	return out
}

// goStruct reads as most providers that are written in Go do: names match whatever their case.
func (c *comparison) goStruct() []found {
	out := make([]found, len(c.bodies))
	for i, b := range c.bodies {
		var v found
		if err := json.Unmarshal([]byte(b), &v); err != nil {
			v = found{Error: fmt.Sprint(err)}
		}
		out[i] = v
	}
	return out
}
