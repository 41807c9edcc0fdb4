package wire

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// failureCase is an upstream's error and what is to be read from it.
type failureCase struct {
	name    string
	dialect Dialect
	status  int
	body    string
	want    Failure
}

func openAIFailures() []failureCase {
	return []failureCase{
		{
			"openai", DialectOpenAI, 404, `{"error":{"message":"The model 'x' does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}`,
			Failure{Status: 404, Type: "invalid_request_error", Code: "model_not_found", Message: "The model 'x' does not exist", ModelNotFound: true},
		},
		{
			"openai context", DialectOpenAI, 400, `{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}`,
			Failure{Status: 400, Type: "invalid_request_error", Code: "context_length_exceeded", Message: "too long", ContextTooLong: true},
		},
		{
			"azure filter", DialectOpenAI, 400, `{"error":{"message":"The response was filtered","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}`,
			Failure{Status: 400, Code: "content_filter", Message: "The response was filtered", ContentPolicy: true},
		},
		{
			"azure deployment", DialectOpenAI, 404, `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}`,
			Failure{Status: 404, Code: "DeploymentNotFound", Message: "The API deployment for this resource does not exist.", ModelNotFound: true},
		},
		{"wrong path", DialectOpenAI, 404, `{"error":{"message":"Invalid URL (POST /v1/chat)"}}`, Failure{Status: 404, Message: "Invalid URL (POST /v1/chat)"}},
		{
			"anthropic", DialectAnthropic, 400, `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 209353 tokens > 199999 maximum"},"request_id":"req_1"}`,
			Failure{Status: 400, Type: "invalid_request_error", Message: "prompt is too long: 209353 tokens > 199999 maximum", ContextTooLong: true},
		},
		{
			"anthropic with max_tokens", DialectAnthropic, 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"input length and `max_tokens` exceed context limit: 9 + 9 > 10\"}}",
			Failure{Status: 400, Type: "invalid_request_error", Message: "input length and `max_tokens` exceed context limit: 9 + 9 > 10", ContextTooLong: true},
		},
		{
			"anthropic model", DialectAnthropic, 404, `{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}`,
			Failure{Status: 404, Type: "not_found_error", Message: "model: claude-9", ModelNotFound: true},
		},
	}
}

func otherFailures() []failureCase {
	return []failureCase{
		{
			"gemini in an array", DialectGemini, 404, `[{"error":{"code":404,"message":"models/x is not found for API version v1beta, or is not supported","status":"NOT_FOUND","details":[]}}]`,
			Failure{Status: 404, Type: "NOT_FOUND", Code: "404", Message: "models/x is not found for API version v1beta, or is not supported", ModelNotFound: true},
		},
		{
			"gemini context", DialectGemini, 400, `{"error":{"code":400,"message":"The input token count (2) exceeds the maximum number of tokens allowed (1).","status":"INVALID_ARGUMENT"}}`,
			Failure{Status: 400, Type: "INVALID_ARGUMENT", Code: "400", Message: "The input token count (2) exceeds the maximum number of tokens allowed (1).", ContextTooLong: true},
		},
		{
			"openrouter raw", DialectOpenAI, 400, `{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"maximum context length is 8\"}}","provider_name":"P"}}}`,
			Failure{Status: 400, Code: "400", Message: "Provider returned error", ContextTooLong: true},
		},
		{
			"openrouter moderation", DialectOpenAI, 403, `{"error":{"code":403,"message":"Model requires moderation","metadata":{"reasons":["violence"],"flagged_input":"..."}}}`,
			Failure{Status: 403, Code: "403", Message: "Model requires moderation", ContentPolicy: true},
		},
		{
			"openrouter model", DialectOpenAI, 400, `{"error":{"message":"foo/bar is not a valid model ID","code":400}}`,
			Failure{Status: 400, Code: "400", Message: "foo/bar is not a valid model ID", ModelNotFound: true},
		},
		{
			"openrouter without tools", DialectOpenAI, 404, `{"error":{"message":"No endpoints found that support tool use.","code":404}}`,
			Failure{Status: 404, Code: "404", Message: "No endpoints found that support tool use."},
		},
		{
			"ollama", DialectOpenAI, 404, `{"error":"model \"x\" not found, try pulling it first"}`,
			Failure{Status: 404, Message: `model "x" not found, try pulling it first`, ModelNotFound: true},
		},
		{
			"mistral", DialectOpenAI, 400, `{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}`,
			Failure{Status: 400, Type: "invalid_model", Code: "1500", Message: "Invalid model: x", ModelNotFound: true},
		},
	}
}

// geminiQuota is how the Gemini API tells of a quota: what was violated, where to read on, when to come back.
const geminiQuota = `{
  "error": {
    "code": 429,
    "message": "You exceeded your current quota.\n* Quota exceeded for metric: free_tier_requests, limit: 10\nPlease retry in 37.391618s.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [
      {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{
          "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
          "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
          "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"}, "quotaValue": "10"
        }]
      },
      {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": "Learn more", "url": "https://ai.google.dev/"}]},
      {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37.5s"}
    ]
  }
}`

func waitingFailures() []failureCase {
	busy := func(details string) string {
		return `{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE","details":` + details + `}}`
	}
	wait := func(d time.Duration) Failure {
		return Failure{Status: 503, Type: "UNAVAILABLE", Code: "503", Message: "The model is overloaded.", RetryAfter: d}
	}
	quota := Failure{
		Status: 429, Type: "RESOURCE_EXHAUSTED", Code: "429", RetryAfter: 37500 * time.Millisecond,
		Message: "You exceeded your current quota.\n* Quota exceeded for metric: free_tier_requests, limit: 10\nPlease retry in 37.391618s.",
	}
	return []failureCase{
		{"gemini quota", DialectGemini, 429, geminiQuota, quota},
		{"gemini quota in the OpenAI shape", DialectOpenAI, 429, "[" + geminiQuota + "]", quota},
		{"gemini quota in a stream", DialectGemini, 0, geminiQuota, quota},
		{"whole seconds", DialectGemini, 503, busy(`[{"retryDelay":"7s"}]`), wait(7 * time.Second)},
		{"zero", DialectGemini, 503, busy(`[{"retryDelay":"0s"}]`), wait(0)},
		{"less than nothing", DialectGemini, 503, busy(`[{"retryDelay":"-7s"}]`), wait(0)},
		{"beyond any clock", DialectGemini, 503, busy(`[{"retryDelay":"315576000000s"}]`), wait(failureWait)},
		{"infinite", DialectGemini, 503, busy(`[{"retryDelay":"Infs"}]`), wait(failureWait)},
		{"no number", DialectGemini, 503, busy(`[{"retryDelay":"NaNs"}]`), wait(0)},
		{"no unit", DialectGemini, 503, busy(`[{"retryDelay":"7"}]`), wait(0)},
		{"no text", DialectGemini, 503, busy(`[{"retryDelay":7}]`), wait(0)},
		{"details of another shape", DialectGemini, 503, busy(`{"retryDelay":"7s"}`), wait(0)},
	}
}

func oddFailures() []failureCase {
	return []failureCase{
		{"cohere", DialectOpenAI, 401, `{"id":"1","message":"invalid api token"}`, Failure{Status: 401, Message: "invalid api token"}},
		{
			"fastapi", DialectOpenAI, 422, `{"detail":[{"loc":["body"],"msg":"field required","type":"missing"}]}`,
			Failure{Status: 422, Type: "missing", Message: "field required"},
		},
		{
			"rate limit that names tokens", DialectOpenAI, 429, `{"error":{"message":"Request too large: context length","type":"tokens","code":"rate_limit_exceeded"}}`,
			Failure{Status: 429, Type: "tokens", Code: "rate_limit_exceeded", Message: "Request too large: context length"},
		},
		{"plain text", DialectOpenAI, 503, "upstream connect error\n", Failure{Status: 503, Message: "upstream connect error"}},
		{"html", DialectOpenAI, 502, "<html><head><title>502 Bad Gateway</title></head></html>", Failure{Status: 502, Message: "502 Bad Gateway"}},
		{"empty", DialectGemini, 500, "", Failure{Status: 500}},
		{
			"in a stream, openai type", DialectOpenAI, 0, `{"error":{"message":"m","type":"insufficient_quota","code":null}}`,
			Failure{Status: 429, Type: "insufficient_quota", Message: "m"},
		},
		{"in a stream, nothing known", DialectOpenAI, 200, `{"error":{"message":"m"}}`, Failure{Status: 500, Message: "m"}},
		{
			"in a choice", DialectOpenAI, 0, `{"choices":[{"error":{"message":"m","code":503},"finish_reason":"error"}]}`,
			Failure{Status: 503, Code: "503", Message: "m"},
		},
		{
			"key in the message", DialectOpenAI, 401, `{"error":{"message":"Incorrect API key provided: sk-abcdefghijkl","code":"invalid_api_key"}}`,
			Failure{Status: 401, Code: "invalid_api_key", Message: "Incorrect API key provided: sk-***"},
		},
		{"cut json", DialectOpenAI, 400, `{"error":{"message":"half`, Failure{Status: 400}},
	}
}

func TestDecodeFailure(t *testing.T) {
	for _, tt := range slices.Concat(openAIFailures(), otherFailures(), waitingFailures(), oddFailures()) {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, DecodeFailure(tt.dialect, tt.status, []byte(tt.body))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDecodeFailureBounds(t *testing.T) {
	body := `{"error":{"message":"` + strings.Repeat("é", failureMessage) + `"}}`
	got := DecodeFailure(DialectOpenAI, 400, []byte(body)).Message
	if len(got) > failureMessage || len(got) < failureMessage-1 || !utf8.ValidString(got) {
		t.Errorf("got a message of %d bytes, want at most %d whole characters", len(got), failureMessage)
	}
	deep := strings.Repeat(`{"error":`, 1000) + "1" + strings.Repeat("}", 1000)
	if got := DecodeFailure(DialectOpenAI, 400, []byte(deep)).Status; got != 400 {
		t.Errorf("got status %d, want 400", got)
	}
}

func TestAppendError(t *testing.T) {
	full := ErrorBody{Status: 429, Type: "rate_limit_error", Code: "rate_limited", Message: "slow \"down\"\n", Param: "model", RequestID: "r-1"}
	tests := []struct {
		name    string
		dialect Dialect
		body    ErrorBody
		want    string
	}{
		{"openai", DialectOpenAI, full, `{"error":{"message":"slow \"down\"\n","type":"rate_limit_error","param":"model","code":"rate_limited"}}`},
		{"openai filled in", DialectOpenAI, ErrorBody{Status: 502, Message: "m"}, `{"error":{"message":"m","type":"api_error","param":null,"code":null}}`},
		{"anthropic", DialectAnthropic, full, `{"type":"error","error":{"type":"rate_limit_error","message":"slow \"down\"\n"},"request_id":"r-1"}`},
		{"anthropic overloaded", DialectAnthropic, ErrorBody{Status: 529, Message: "m"}, `{"type":"error","error":{"type":"overloaded_error","message":"m"}}`},
		{"anthropic other 4xx", DialectAnthropic, ErrorBody{Status: 422, Message: "m"}, `{"type":"error","error":{"type":"invalid_request_error","message":"m"}}`},
		{"gemini", DialectGemini, full, `{"error":{"code":429,"message":"slow \"down\"\n","status":"RESOURCE_EXHAUSTED"}}`},
		{"gemini 413", DialectGemini, ErrorBody{Status: 413, Message: "m"}, `{"error":{"code":413,"message":"m","status":"INVALID_ARGUMENT"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(AppendError(nil, tt.dialect, tt.body)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestErrorsReadBack proves that what clients are told can be read again with the status it was written with: Weir can
// stand in front of Weir.
func TestErrorsReadBack(t *testing.T) {
	for _, d := range []Dialect{DialectOpenAI, DialectAnthropic, DialectGemini} {
		for _, status := range []int{400, 401, 403, 404, 413, 429, 500, 503, 504} {
			body := AppendError(nil, d, ErrorBody{Status: status, Message: "m", RequestID: "r"})
			if !json.Valid(body) {
				t.Fatalf("%v %d: got invalid JSON %s", d, status, body)
			}
			if got := DecodeFailure(d, status, body); got.Status != status || got.Message != "m" || got.Type == "" {
				t.Errorf("%v %d: got %+v, want the status, a type and the message", d, status, got)
			}
			if got := DecodeFailure(d, 0, body); got.Status/100 != status/100 {
				t.Errorf("%v %d in a stream: got status %d, want the same class", d, status, got.Status)
			}
		}
	}
}

func TestAppendErrorEvent(t *testing.T) {
	e := ErrorBody{Status: 503, Code: "upstream_cut", Message: "the stream was cut", RequestID: "r"}
	tests := []struct {
		name    string
		api     API
		framing Framing
		seq     int64
		want    string
	}{
		{"chat", OpenAIChat, FrameSSE, 3, "data: {\"error\":{\"message\":\"the stream was cut\",\"type\":\"api_error\",\"param\":null,\"code\":\"upstream_cut\"}}\n\n"},
		{"responses", OpenAIResponses, FrameSSE, 3, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":3,\"code\":\"upstream_cut\",\"message\":\"the stream was cut\",\"param\":null,\"error\":{\"message\":\"the stream was cut\",\"type\":\"api_error\",\"param\":null,\"code\":\"upstream_cut\"}}\n\n"},
		{"anthropic", AnthropicMessages, FrameSSE, 3, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"the stream was cut\"},\"request_id\":\"r\"}\n\n"},
		{"gemini", GeminiGenerate, FrameSSE, 3, "data: {\"error\":{\"code\":503,\"message\":\"the stream was cut\",\"status\":\"UNAVAILABLE\"}}\n\n"},
		{"gemini array", GeminiGenerate, FrameJSONArray, 3, ",{\"error\":{\"code\":503,\"message\":\"the stream was cut\",\"status\":\"UNAVAILABLE\"}}]"},
		{"gemini array before anything", GeminiGenerate, FrameJSONArray, 0, "[{\"error\":{\"code\":503,\"message\":\"the stream was cut\",\"status\":\"UNAVAILABLE\"}}]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := string(AppendErrorEvent(nil, tt.api, tt.framing, e, tt.seq))
			if got != tt.want {
				t.Fatalf("got %s, want %s", got, tt.want)
			}
			var o Observer
			o.Reset(tt.api)
			facts := watch(t, &o, NewSplitter(tt.framing, 0), got)
			if !strings.HasPrefix(facts.Signals, "X") || facts.Ended || facts.Failure.Message != e.Message {
				t.Errorf("got %+v read back, want the failure and no clean end", facts)
			}
		})
	}
}

func TestScrubSecrets(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"openai", `key sk-proj-Ab_9cdefghijkl.`, `key sk-***.`},
		{"starred out", "Incorrect API key provided: sk-abcd****wxyz. See", "Incorrect API key provided: sk-***. See"},
		{"anthropic", `"sk-ant-api03-abcdef-ghij"`, `"sk-***"`},
		{"google", "API key AIzaSyA1234567890abcdefghij not valid", "API key AIza*** not valid"},
		{"groq, xai, weir", "gsk_abcdefgh1234 xai-abcdefgh1234 wr-ab12-g1-secretsecret", "gsk_*** xai-*** wr-***"},
		{"bearer", "authorization: Bearer abc.def-ghi_123==", "authorization: Bearer ***"},
		{"bearer in a URL", "h=Bearer%20abcdefghijkl", "h=Bearer%20***"},
		{"hex behind key=", "GET /v1?key=0123456789abcdef0123456789abcdef&x=1", "GET /v1?key=***&x=1"},
		{"json member", `{"api_key": "0123456789abcdef01234567", "n": 1}`, `{"api_key": "***", "n": 1}`},
		{"json in json", `{\"x-api-key\": \"0123456789abcdef01234567\"}`, `{\"x-api-key\": \"***\"}`},
		{"behind an escape", `line\nsk-abcdefghijkl\u0041rest`, `line\nsk-***`},
		{"behind percent", "a%20sk-abcdefghijkl %sk-abcdefghijkl", "a%20sk-*** %sk-***"},
		{"inside a name", "my_sk-abcdefghijkl", "my_sk-***"},
		{"words stay", "the task-based key was: short, risk-averse; max_tokens: 100", "the task-based key was: short, risk-averse; max_tokens: 100"},
		{"codes stay", `{"code":"invalid_api_key","type":"tokens","message":"prompt_tokens"}`, `{"code":"invalid_api_key","type":"tokens","message":"prompt_tokens"}`},
		{"models stay", "The model `gpt-4o-mini-2024-07-18` does not exist", "The model `gpt-4o-mini-2024-07-18` does not exist"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(ScrubSecrets([]byte("kept "), []byte(tt.body))); got != "kept "+tt.want {
				t.Errorf("got %q, want %q", got, "kept "+tt.want)
			}
		})
	}
}

func TestScrubSecretsBounds(t *testing.T) {
	for shift := range 4 {
		body := strings.Repeat("x", shift) + strings.Repeat("é世", scrubLimit)
		got := ScrubSecrets(nil, []byte(body))
		if len(got) > scrubLimit || len(got) < scrubLimit-utf8.UTFMax || !utf8.Valid(got) {
			t.Errorf("shift %d: got %d bytes, want at most %d in whole characters", shift, len(got), scrubLimit)
		}
	}
	// a secret across the limit must not show its beginning
	body := strings.Repeat(" ", scrubLimit-5) + "sk-abcdefghijklmnop"
	if got := string(ScrubSecrets(nil, []byte(body))); strings.Contains(got, "abc") {
		t.Errorf("got %q at the end, want no part of the key", got[len(got)-8:])
	}
}

func FuzzScrubSecrets(f *testing.F) {
	f.Add([]byte("Bearer x sk-"), []byte(`\u00`), uint8(0))
	f.Add([]byte(`{"key":"`), []byte(`"}`), uint8(3))
	f.Fuzz(func(t *testing.T, before, after []byte, sep uint8) {
		const secret = "sk-fuzzedSECRETfuzzed"
		body := append(append(append([]byte(nil), before...), " \n\"'=:,;"[sep%8]), secret...)
		got := ScrubSecrets(nil, append(body, after...))
		if strings.Contains(string(got), "SECRET") {
			t.Errorf("got %q, want the key masked", got)
		}
		if len(got) > scrubLimit {
			t.Errorf("got %d bytes, want at most %d", len(got), scrubLimit)
		}
	})
}
