package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// storing is a world in which a response was made by the second key of the first provider, for the caller "anna".
type storing struct {
	*world
	id string
}

const (
	anna  = "Authorization: Bearer caller-anna"
	boris = "Authorization: Bearer caller-boris"
)

func newStoring(t *testing.T, fields string, stream bool) *storing {
	t.Helper()
	f := fault{}
	s := &storing{world: f.world(t, well)}
	s.sims["alpha"].SetScript(script(t, "key="+keyOne+" calls=1-1 -> status=429;retry-after=1"))
	a := s.send(t, post("/v1/responses", fmt.Sprintf(`{"model":"m","stream":%t,"input":"remember me"%s}`, stream, fields), anna))
	if a.status != http.StatusOK {
		t.Fatalf("got %s", a)
	}
	text := a.body
	if stream {
		_, rest, _ := strings.Cut(string(a.body), "data: ")
		line, _, _ := strings.Cut(rest, "\n")
		var created struct{ Response json.RawMessage }
		if err := json.Unmarshal([]byte(line), &created); err != nil {
			t.Fatal(err)
		}
		text = created.Response
	}
	var got struct{ ID string }
	if err := json.Unmarshal(text, &got); err != nil || got.ID == "" {
		t.Fatalf("got id %q and %v in %s", got.ID, err, a)
	}
	s.id = got.ID
	s.forget()
	return s
}

// forget empties the journals.
func (s *storing) forget() {
	for _, p := range s.sims {
		p.SetScript(nil)
		p.Reset()
	}
}

func (s *storing) want(t *testing.T, what, request string, status int, calls string) *answer {
	t.Helper()
	s.forget()
	a := s.send(t, request)
	if a.status != status {
		t.Errorf("%s: got %s, want status %d", what, a, status)
	}
	if got := sequence(s.ended(t), keyNames()); got != calls {
		t.Errorf("%s: got calls %q, want %q", what, got, calls)
	}
	if status >= http.StatusBadRequest {
		if _, err := openAIProblem(a.body); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	return a
}

func (s *storing) path(more string) string { return "/v1/responses/" + s.id + more }

func TestStoredResponsesBelongToTheirCallerAndKey(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("made as a stream %t", stream), func(t *testing.T) {
			t.Parallel()
			s := newStoring(t, "", stream)
			const madeBy = "alpha/two"
			a := s.want(t, "get", get(s.path(""), anna), 200, madeBy)
			if !strings.Contains(string(a.body), "remember me") {
				t.Errorf("got %s, want the stored answer", a)
			}
			s.want(t, "get with a query", get(s.path("?include[]=x"), anna), 200, madeBy)
			for _, other := range []string{boris, "X-A: nobody"} {
				s.want(t, "get by another", get(s.path(""), other), 404, "")
				s.want(t, "delete by another", strings.Replace(get(s.path(""), other), "GET", "DELETE", 1), 404, "")
				s.want(t, "cancel by another", post(s.path("/cancel"), "", other), 404, "")
				s.want(t, "build on it by another", post("/v1/responses", `{"model":"m","input":"x","previous_response_id":"`+s.id+`"}`, other), 404, "")
			}
			s.want(t, "build on it", post("/v1/responses", `{"model":"m","input":"x","previous_response_id":"`+s.id+`"}`, anna), 200, madeBy)
			s.want(t, "delete", strings.Replace(get(s.path(""), anna), "GET", "DELETE", 1), 200, madeBy)
			s.want(t, "get what is deleted", get(s.path(""), anna), 404, "")
			s.want(t, "delete what is deleted", strings.Replace(get(s.path(""), anna), "GET", "DELETE", 1), 404, "")
		})
	}
}

func TestStoredResponsesAreCancelled(t *testing.T) {
	t.Parallel()
	s := newStoring(t, `,"background":true`, false)
	a := s.want(t, "cancel", post(s.path("/cancel"), "", anna), 200, "alpha/two")
	if !strings.Contains(string(a.body), `"cancelled"`) {
		t.Errorf("got %s, want a cancelled response", a)
	}
	// It is the provider that says no the second time, in its own words.
	again := s.want(t, "cancel again", post(s.path("/cancel"), "", anna), 400, "alpha/two")
	if !strings.Contains(string(again.body), "Cannot cancel") {
		t.Errorf("got %s, want the provider's words", again)
	}
}

// TestStoredResponsesOfADeadKey: the key that made the object is the only one that reaches it; no other is tried.
func TestStoredResponsesOfADeadKey(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"status=401", "status=500", "reset", "status=429"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			s := newStoring(t, "", false)
			s.sims["alpha"].SetScript(script(t, "-> "+order))
			a := s.send(t, get(s.path(""), anna))
			if a.status < 400 {
				t.Errorf("got %s, want an error", a)
			}
			// A connection that was open before and is reset is dialled once more, which is the same attempt.
			got := sequence(s.ended(t), keyNames())
			if got != "alpha/two" && (order != "reset" || got != "alpha/two alpha/two") {
				t.Errorf("got calls %q, want alpha/two", got)
			}
		})
	}
}

func TestIdsThatAreNone(t *testing.T) {
	t.Parallel()
	s := newStoring(t, "", false)
	for _, id := range []string{
		"resp_unknown", "..", "%2e%2e", "a%2Fb", "a.b", "a%20b", s.id + "%00", s.id + "/x", s.id + "/cancel/x", strings.Repeat("a", 300), "",
		strings.ToUpper(s.id),
	} {
		t.Run(id, func(t *testing.T) {
			s.forget()
			a := s.send(t, get("/v1/responses/"+id, anna))
			if a.status != 400 && a.status != 404 && a.status != 405 {
				t.Errorf("got %s, want 400, 404 or 405", a)
			}
			if got := len(s.calls()); got != 0 {
				t.Errorf("got %d calls", got)
			}
		})
	}
}
