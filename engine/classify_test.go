package engine

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/engine/wire"
)

// TestHowLongAKeyRests: the header comes first, then what Google's errors say, then Weir's own ten seconds.
func TestHowLongAKeyRests(t *testing.T) {
	const quota = `{"error":{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED","details":[
		{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier","quotaValue":"10"}]},
		{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37s"}]}}`
	tests := []struct {
		name   string
		answer http.HandlerFunc
		rest   time.Duration
		told   time.Duration // to a client that nobody else could serve
	}{
		{"an error that says so", answer(429, quota), 37 * time.Second, 37 * time.Second},
		{"in the OpenAI shape", answer(429, "["+quota+"]"), 37 * time.Second, 37 * time.Second},
		{"a header beside it", answer(429, quota, "retry-after", "20"), 20 * time.Second, 20 * time.Second},
		{"a header of nothing", answer(429, quota, "retry-after", "0"), 37 * time.Second, 37 * time.Second},
		{"too long", answer(429, strings.Replace(quota, "37s", "86400s", 1)), maxRest, maxRest},
		{"not said", answer(429, `{"error":{"message":"slow down"}}`), 10 * time.Second, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, tt.answer)
			f := newFixture(t, alpha, nil)
			now := time.Now()
			f.rt.now, f.rt.realTime = func() time.Time { return now }, false
			p := f.route(t, RouteConfig{})
			calls := func() int {
				_, _ = run(t, p, chat(`{"model":"small","messages":[]}`))
				return len(alpha.made())
			}
			_, err := run(t, p, chat(`{"model":"small","messages":[]}`))
			if e := wantCode(t, err, CodeRateLimited); e.RetryAfter != tt.told {
				t.Errorf("got retry-after %s, want %s", e.RetryAfter, tt.told)
			}
			now = now.Add(tt.rest - time.Second)
			if n := calls(); n != 1 {
				t.Errorf("the key was used within its rest of %s", tt.rest)
			}
			now = now.Add(2 * time.Second)
			if n := calls(); n != 2 {
				t.Errorf("the key rests for longer than %s", tt.rest)
			}
		})
	}
}

// TestABusyProviderSaysWhen: no key rests for a 503, but the client learns when to come back.
func TestABusyProviderSaysWhen(t *testing.T) {
	const busy = `{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7.5s"}]}}`
	tests := []struct {
		name   string
		status int
	}{
		{"as a status", 503},
		{"under a status of success", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, newFakeProvider(t, answer(tt.status, busy)), nil)
			_, err := run(t, f.route(t, RouteConfig{}), chat(`{"model":"small","messages":[]}`))
			if e := AsError(err); e.RetryAfter != 7500*time.Millisecond || e.HTTPStatus() != 503 {
				t.Errorf("got status %d and retry-after %s, want 503 and 7.5s", e.HTTPStatus(), e.RetryAfter)
			}
		})
	}
}

func transcription() *Exchange {
	x := chat(`{"model":"big"}`)
	x.Request.API, x.Request.Path, x.Request.RawPath = wire.OpenAITranscriptions, "/v1/audio/transcriptions", "/v1/audio/transcriptions"
	return x
}

// TestAnAnswerThatIsNoJSON is a failed attempt wherever the API answers in JSON.
func TestAnAnswerThatIsNoJSON(t *testing.T) {
	tests := []struct {
		name string
		bad  http.HandlerFunc
		ask  func() *Exchange
		want string
	}{
		{"cut", answer(200, chatReply[:len(chatReply)-9]), nil, "alpha:big=200 beta:big=200"},
		{"a tail", answer(200, chatReply+"}"), nil, "alpha:big=200 beta:big=200"},
		{"nothing", answer(200, ""), nil, "alpha:big=200 beta:big=200"},
		{"a page", answer(200, "<html></html>", "content-type", "text/html"), nil, "alpha:big=200 beta:big=200"},
		{"an encoding that Weir cannot undo", answer(200, chatReply, "content-encoding", "exi"), nil, "alpha:big=200 beta:big=200"},
		{"JSON under another name", answer(200, " "+chatReply+"\n", "content-type", "text/plain"), nil, "alpha:big=200"},
		{"a transcript in words", answer(200, "la la", "content-type", "text/plain"), transcription, "alpha:big=200"},
		{"a transcript in half a document", answer(200, `{"text":"la`), transcription, "alpha:big=200 beta:big=200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha, beta := newFakeProvider(t, tt.bad), newFakeProvider(t, answer(200, chatReply))
			f := newFixture(t, alpha, beta)
			x := chat(`{"model":"big","messages":[]}`)
			if tt.ask != nil {
				x = tt.ask()
			}
			if _, err := run(t, f.route(t, RouteConfig{}), x); err != nil {
				t.Fatal(err)
			}
			if got := attempts(x); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestADeletionNeedsNoBody: what is deleted is deleted, whatever the provider says to it; a look at it needs an answer.
func TestADeletionNeedsNoBody(t *testing.T) {
	tests := []struct {
		name, method string
		op           Operation
		code         Code
	}{
		{"deleted", "DELETE", OpDelete, ""},
		{"read", "GET", OpGet, CodeUpstreamFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alpha := newFakeProvider(t, answer(200, `{"id":"resp_1","output":[]}`), answer(200, ""))
			p := newFixture(t, alpha, nil).route(t, RouteConfig{})
			ask := func(method string, op Operation, id string) error {
				x := chat(`{"model":"small","input":"hi"}`)
				x.Request.API, x.Request.Path, x.Request.RawPath = wire.OpenAIResponses, "/v1/responses", "/v1/responses"
				x.Request.Method, x.Request.Operation, x.Request.StoredID = method, op, id
				_, err := run(t, p, x)
				return err
			}
			if err := ask("POST", OpCreate, ""); err != nil {
				t.Fatal(err)
			}
			err := ask(tt.method, tt.op, "resp_1")
			if tt.code != "" {
				wantCode(t, err, tt.code)
			} else if err != nil {
				t.Error(err)
			}
			if n := len(alpha.made()); n != 2 {
				t.Errorf("got %d calls, want 2", n)
			}
		})
	}
}
