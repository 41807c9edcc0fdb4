package actions

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/engine"
	"weir/engine/vars"
	"weir/policies"
)

// service is what policies call in tests: each path does something else.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	calls []string
	heads []http.Header
}

func newService(t *testing.T, paths map[string]http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.calls = append(s.calls, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		s.heads = append(s.heads, r.Header.Clone())
		s.mu.Unlock()
		if h := paths[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		_, _ = io.WriteString(w, "fine")
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) made() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

// asked runs the action once and returns what it leaves.
func asked(t *testing.T, x *engine.Exchange, config string) (result map[string]any, verdict engine.Verdict, err error) {
	t.Helper()
	cfg := compile(t, "on_request: [{type: http-request, config: {"+config+"}}]")
	verdict, err = run(t, x, cfg.OnRequest)
	all, _ := x.Var(vars.Actions).Obj.(map[string]any)
	result, _ = all["http_request"].(map[string]any)
	return result, verdict, err
}

func codeOf(result map[string]any) string {
	e, _ := result["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func TestHTTPRequestSendsWhatThePolicyWrites(t *testing.T) {
	s := newService(t, map[string]http.HandlerFunc{"/check": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Own", "yes")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"ok":true}`)
	}})
	x := exchange()
	x.Request.Headers = append(x.Request.Headers, engine.Header{Name: "Authorization", Value: "Bearer client"}, engine.Header{Name: "Cookie", Value: "a=b"})
	result, verdict, err := asked(t, x, `url: "`+s.URL+`/check?v=1", method: POST, body: "tier ${req.headers['x-tier'][0]}",
		headers: {x-sent: "${req.host}", authorization: Basic own}, query_params: [{key: a b, value: "${req.headers['x-tier'][0]}&c=d"}]`)
	if err != nil || verdict != engine.VerdictContinue {
		t.Fatalf("got %v, %v, want the next action", verdict, err)
	}
	if diff := cmp.Diff([]string{"POST /check?v=1&a+b=gold%26c%3Dd tier gold"}, s.made()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	head := s.heads[0]
	for name, want := range map[string]string{
		"X-Sent": "api.example.com", "Authorization": "Basic own", "Cookie": "", "User-Agent": "weir", "X-Weir-Hops": "1", "X-Forwarded-For": "",
	} {
		if got := head.Get(name); got != want {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
	res, _ := result["res"].(map[string]any)
	if res["status_code"] != int64(202) || res["body"] != `{"ok":true}` || res["resolved_ip"] != "127.0.0.1" || result["error"] != nil {
		t.Errorf("got %v, want the answer", result)
	}
	if got, _ := res["header"].(map[string]any); !cmp.Equal(got["x-own"], []any{"yes"}) {
		t.Errorf("got headers %v, want x-own", got)
	}
	if _, ok := res["time_ms"].(int64); !ok {
		t.Errorf("got time %T, want whole milliseconds", res["time_ms"])
	}
	req, _ := result["req"].(map[string]any)
	if req["method"] != "POST" || req["url"] != s.URL+"/check?v=1&a+b=gold%26c%3Dd" || req["body"] != "tier gold" {
		t.Errorf("got request %v, want what was sent", req)
	}
	list, _ := result["attempts"].([]any)
	first, _ := list[0].(map[string]any)
	if len(list) != 1 || first["response_status_code"] != int64(202) || first["resolved_ip"] != "127.0.0.1" || first["response_header"] == nil || first["response_time_ms"] == nil {
		t.Errorf("got attempts %v, want one", list)
	}
}

func TestHTTPRequestFails(t *testing.T) {
	big := strings.Repeat("x", maxAnswerBytes+1)
	s := newService(t, map[string]http.HandlerFunc{
		"/big":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, big) },
		"/full": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, big[1:]) },
		"/bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(bytes.Repeat([]byte("x"), 10<<20))
			_ = z.Close()
		},
		"/zstd": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "zstd")
			_, _ = io.WriteString(w, "?")
		},
		"/slow": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"/cut":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"/half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		},
		"/loop": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) },
		"/away": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/x", http.StatusFound)
		},
		"/file": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		},
		"/other": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://localhost:1/", http.StatusFound)
		},
		"/forbids":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"/redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
	})
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	tests := []struct {
		name, config string
		hops         string
		want         string // the code; "" = an answer
	}{
		{name: "as large as it may be", config: "url: " + s.URL + "/full"},
		{name: "too large", config: "url: " + s.URL + "/big", want: failedTooLarge},
		{name: "too large unpacked", config: "url: " + s.URL + "/bomb", want: failedTooLarge},
		{name: "unknown encoding", config: "url: " + s.URL + "/zstd", want: failedBroken},
		{name: "too slow", config: "timeout: 1s, url: " + s.URL + "/slow", want: failedTimeout},
		{name: "cut before the head", config: "url: " + s.URL + "/cut", want: failedConnect},
		{name: "cut in the body", config: "url: " + s.URL + "/half", want: failedBroken},
		{name: "nobody there", config: "url: 'http://127.0.0.1:1/'", want: failedConnect},
		{name: "metadata service", config: "url: 'http://169.254.169.254/latest'", want: failedAddress},
		{name: "endless redirects", config: "max_redirects: 3, url: " + s.URL + "/loop", want: failedRedirects},
		{name: "redirect to the metadata service", config: "max_redirects: 3, url: " + s.URL + "/away", want: failedAddress},
		{name: "redirect to a file", config: "max_redirects: 3, url: " + s.URL + "/file", want: failedAddress},
		{name: "redirect to another host", config: "max_redirects: 3, url: " + s.URL + "/other", want: failedAddress},
		{name: "redirect that is the answer", config: "url: " + s.URL + "/redirect"},
		{name: "redirect that is followed", config: "max_redirects: 1, url: " + s.URL + "/redirect"},
		{name: "a refusal is an answer", config: "url: " + s.URL + "/forbids"},
		{name: "too many gateways", hops: "3", config: "url: " + s.URL + "/", want: failedLoop},
		{name: "the third gateway", hops: "2", config: "url: " + s.URL + "/"},
		{name: "host of the client", config: "allowed_hosts: [api.example.com], url: \"http://${req.headers['x-tier'][0]}/\"", want: failedAddress},
		{name: "wildcard to a private address", config: "allowed_hosts: ['http://*.0.0.1:" + port + "'], url: \"http://${req.headers['x-ip'][0]}:" + port + "/\"", want: failedAddress},
		{name: "host that is listed", config: "allowed_hosts: ['" + s.URL + "'], url: \"http://${req.headers['x-ip'][0]}:" + port + "/\""},
		{name: "another port of it", config: "allowed_hosts: ['" + s.URL + "'], url: \"http://${req.headers['x-ip'][0]}:1/\"", want: failedAddress},
		{name: "another scheme of it", config: "allowed_hosts: ['127.0.0.1:" + port + "'], url: \"http://${req.headers['x-ip'][0]}:" + port + "/\"", want: failedAddress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := exchange()
			x.Request.Headers.Add("x-ip", "127.0.0.1")
			if tt.hops != "" {
				x.Request.Headers.Add(engine.HopsHeader, tt.hops)
			}
			result, verdict, err := asked(t, x, tt.config)
			if err != nil || verdict != engine.VerdictContinue || codeOf(result) != tt.want {
				t.Fatalf("got %v, %v, code %q, want %q", verdict, err, codeOf(result), tt.want)
			}
			if _, failed := result["res"].(error); failed != (tt.want != "") {
				t.Errorf("got %v, want an answer only where there is one", result["res"])
			}
			if tt.want == "" {
				return
			}
			x.Reply = engine.Reply{}
			if _, verdict, err := asked(t, x, tt.config+", on_error: halt"); verdict != engine.VerdictDeny || err != nil {
				t.Errorf("got %v, %v with on_error: halt, want a refusal", verdict, err)
			}
		})
	}
}

func TestHTTPRequestThatCannotBeMade(t *testing.T) {
	for name, config := range map[string]string{
		"url fails":           `url: "https://example.com/${string(1 / size(req.headers['x-none']))}"`,
		"url has dots":        `url: "https://example.com/${req.headers['x-dots'][0]}/x"`,
		"parameter fails":     `url: "https://example.com/", query_params: [{key: a, value: "${string(1 / size(req.headers['x-none']))}"}]`,
		"parameter is long":   `url: "https://example.com/", query_params: [{key: a, value: "${req.headers['x-long'][0]}"}]`,
		"header fails":        `url: "https://example.com/", headers: {a: "${string(1 / size(req.headers['x-none']))}"}`,
		"header breaks out":   `url: "https://example.com/", headers: {a: "${req.headers['x-evil'][0]}"}`,
		"body fails":          `url: "https://example.com/", body: "${string(1 / size(req.headers['x-none']))}"`,
		"retry_condition":     `url: "http://127.0.0.1:1/", retry_condition: "1 / size(req.headers['x-none']) == 1"`,
		"host is not a host":  `url: "https://${req.headers['x-evil'][0]}/", allowed_hosts: [example.com]`,
		"url holds a user":    `url: "https://${req.headers['x-user'][0]}/", allowed_hosts: [example.com]`,
		"url has a fragment":  `url: "https://example.com/${'#' + req.host}"`,
		"url grew too long":   `url: "https://example.com/${req.headers['x-long'][0]}"`,
		"url is not for http": `url: "${req.headers['x-file'][0]}", allowed_hosts: [example.com]`,
	} {
		t.Run(name, func(t *testing.T) {
			x := exchange()
			for name, value := range map[string]string{"x-long": strings.Repeat("a", 9000), "x-dots": "../admin", "x-user": "a:b@example.com", "x-file": "file:///etc/passwd"} {
				x.Request.Headers.Add(name, value)
			}
			result, verdict, err := asked(t, x, config)
			if err == nil || verdict != engine.VerdictDeny || result != nil {
				t.Errorf("got %v, %v, %v, want an error that halts the rule", result, verdict, err)
			}
		})
	}
}

func TestHTTPRequestRetries(t *testing.T) {
	tests := []struct {
		name, condition string
		want            int
	}{
		{"never", "false", 1},
		{"as often as there is", "true", 1 + maxRetries},
		{"by number", "attempt.status >= 500 && attempt.number < 3", 3},
		{"by ngrok's names", "attempts < 2 && last_attempt.res.statusCode == 503", 2},
		{"by ngrok's error", "last_attempt.error == '' && 2 > attempts", 2},
		{"by the list", "size(attempts) < 3 && attempts[0].status == 503 && attempts.all(a, a.error == '')", 3},
		{"by whether it may help", "attempt.retryable && attempt.error == '' && attempt.elapsed_ms >= 0", 1 + maxRetries},
		{"by a text that names attempts", "'attempts < 1' == 'attempts < 1' && attempts < 2", 2},
		{"by the request", "req.headers['x-tier'][0] == 'silver'", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }})
			result, _, err := asked(t, exchange(), fmt.Sprintf("url: %s/, retry_condition: %q", s.URL, tt.condition))
			list, _ := result["attempts"].([]any)
			if err != nil || len(s.made()) != tt.want || len(list) != tt.want {
				t.Errorf("got %d calls and %d attempts, %v, want %d", len(s.made()), len(list), err, tt.want)
			}
		})
	}
}

func TestHTTPRequestFollowsRedirects(t *testing.T) {
	other := newService(t, nil)
	s := newService(t, map[string]http.HandlerFunc{
		"/see": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/end", http.StatusSeeOther) },
		"/keep": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		},
		"/away": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/end", http.StatusPermanentRedirect)
		},
	})
	config := "method: POST, body: b, max_redirects: 1, headers: {authorization: Basic own, accept: text/plain}, allowed_hosts: ['" + other.URL + "'], url: " + s.URL
	for _, path := range []string{"/see", "/keep", "/away"} {
		if result, _, err := asked(t, exchange(), config+path); err != nil || codeOf(result) != "" {
			t.Fatalf("%s: got %v, %v, want an answer", path, result, err)
		}
	}
	if diff := cmp.Diff([]string{"POST /see b", "GET /end", "POST /keep b", "POST /end b", "POST /away b"}, s.made()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"POST /end b"}, other.made()); diff != "" {
		t.Errorf("calls of the other host (-want +got):\n%s", diff)
	}
	if got := other.heads[0]; got.Get("Authorization") != "" || got.Get("Accept") != "text/plain" || got.Get(engine.HopsHeader) != "1" {
		t.Errorf("got %v at another host, want no credentials", got)
	}
}

func TestHTTPRequestEndsWithItsClient(t *testing.T) {
	reached := make(chan struct{})
	s := newService(t, map[string]http.HandlerFunc{"/": func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
	}})
	x := exchange()
	cfg := compile(t, "on_request: [{type: http-request, config: {timeout: 30s, retry_condition: 'true', url: "+s.URL+"/}}]")
	go func() {
		<-reached
		x.Cancel(engine.ClientGone())
	}()
	begin := time.Now()
	verdict, err := cfg.OnRequest[0].Actions[0].Action.Do(x.Context(), x)
	if e, ok := errors.AsType[*engine.Error](err); !ok || e.Code != engine.CodeClientGone || verdict != engine.VerdictDeny {
		t.Errorf("got %v, %v, want the client's hang-up", verdict, err)
	}
	if time.Since(begin) > 10*time.Second || len(s.made()) != 1 {
		t.Errorf("got %d calls in %s, want one that ends at once", len(s.made()), time.Since(begin))
	}
}

// TestGuardsRefuseWhereNobodyAnswers is about rules that look at the answer: with a service that is down they must not let
// through what it would have stopped.
func TestGuardsRefuseWhereNobodyAnswers(t *testing.T) {
	tests := []struct {
		name, expression string
		want             string // what the rule does: matches, passes or fails
	}{
		{"refuses by a status", "actions.ngrok.http_request.res.status_code == 403", "fails"},
		{"allows by a status", "actions.http_request.res.status_code != 200", "fails"},
		{"reads the body", "actions.http_request.res.body.contains('flagged')", "fails"},
		{"compares with nothing", "actions.http_request.res == null", "fails"},
		{"asks for the error first", "actions.http_request.error == null && actions.http_request.res.status_code == 403", "passes"},
		{"refuses by the error", "actions.http_request.error != null || actions.http_request.res.status_code == 403", "matches"},
		{"reads the code", "actions.http_request.error.code == 'connection_failed'", "matches"},
		{"reads the attempts", "size(actions.http_request.attempts) == 1", "matches"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := compile(t, fmt.Sprintf("on_request:\n  - {type: http-request, config: {url: 'http://127.0.0.1:1/'}}\n  - {expressions: [%q], actions: [{type: deny}]}", tt.expression))
			x := exchange()
			if _, err := run(t, x, cfg.OnRequest[:1]); err != nil {
				t.Fatal(err)
			}
			ok, err := cfg.OnRequest[1].When.Match(x)
			got := map[bool]string{true: "matches", false: "passes"}[ok]
			if err != nil {
				got = "fails"
			}
			if got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
			if cfg.OnRequest[1].OnError != engine.OnErrorHalt || cfg.OnRequest[0].OnError != engine.OnErrorHalt {
				t.Error("got a rule that goes on after a failure, want one that halts")
			}
		})
	}
}

func TestHTTPRequestIsCheckedAtLoad(t *testing.T) {
	const url = "url: 'https://example.com/x'"
	params := strings.Repeat("{key: a, value: b}, ", maxParams+1)
	tests := []struct{ name, config, want string }{
		{"the example of the defaults", url, ""},
		{"redirects as ngrok's page has them", url + ", max_redirects: 100", ""},
		{"more of them", url + ", max_redirects: 101", "out_of_range"},
		{"no url", "method: GET", "missing_field"},
		{"no http", "url: 'ftp://example.com/'", "bad_url"},
		{"no host", "url: '/x'", "bad_url"},
		{"a user", "url: 'https://a:b@example.com/'", "bad_url"},
		{"dots", "url: 'https://example.com/a/../b'", "bad_url"},
		{"a host of the client", "url: 'https://${req.host}/'", "open_url"},
		{"a host that the client can go on with", "url: 'https://example.com${req.url.path}'", "open_url"},
		{"a host and a slash", "url: 'https://example.com/${req.url.path}'", ""},
		{"a listed host of the client", "url: 'https://${req.host}/', allowed_hosts: ['*.example.com', 'http://a:8080', b]", ""},
		{"everything listed", "url: 'https://${req.host}/', allowed_hosts: ['*']", "open_url bad_host"},
		{"a whole domain listed", "url: 'https://${req.host}/', allowed_hosts: ['*.com']", "open_url bad_host"},
		{"a path listed", "url: 'https://${req.host}/', allowed_hosts: ['a/b']", "open_url bad_host"},
		{"a method that is none", url + ", method: TRACE", "bad_value"},
		{"too many parameters", url + ", query_params: [" + params + "]", "out_of_range"},
		{"a long key", url + ", query_params: [{key: " + strings.Repeat("k", maxParamKey+1) + ", value: b}]", "out_of_range"},
		{"a parameter without a value", url + ", query_params: [{key: a}]", "missing_field"},
		{"too many headers", url + ", headers: {a: b, b: b, c: b, d: b, e: b, f: b, g: b, h: b, i: b, j: b, k: b}", "out_of_range"},
		{"a header of the gateway's", url + ", headers: {host: b}", "bad_header"},
		{"a short timeout", url + ", timeout: 999ms", "out_of_range"},
		{"a long timeout", url + ", timeout: 31s", "out_of_range"},
		{"a condition that is none", url + ", retry_condition: '1 + 1'", "not_a_condition"},
		{"a condition on what is not there", url + ", retry_condition: res.status_code == 1", "wrong_phase"},
		{"a word that is none", url + ", on_error: stop", "bad_value"},
	}
	for _, tt := range tests {
		if got := problems(t, "on_request: [{type: http-request, config: {"+tt.config+"}}]"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRetryConditionsKeepTheirPlaces(t *testing.T) {
	_, diags := policies.Compile(policies.Input{Path: "policy.yaml", Text: []byte("on_request:\n  - type: http-request\n    config:\n      url: https://example.com/\n      retry_condition: last_attempt.res.statusCode == 503 && attempt.stats == 1\n")},
		policies.Options{Actions: Registry()})
	if len(diags) != 1 || diags[0].Pos.Line != 5 || diags[0].Pos.Col != 62 {
		t.Errorf("got %v, want the place of attempt.stats", diags)
	}
}
