package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// dialect is one client API: how a client asks in it, and how it reads what comes back.
type dialect struct {
	name string
	// path is where a model is asked, whole or as a stream.
	path func(model string, stream bool) string
	// body asks the model for an answer to a prompt.
	body func(model, prompt string, stream bool) string
	// problem reads an error body strictly.
	problem func(body []byte) (message string, err error)
	// ends are what a clean stream holds and a broken one must not.
	ends []string
	// broken is how the error event of a broken stream begins, from the last blank line on.
	broken string
	array  bool // the stream is a JSON array
}

func chatDialect() dialect {
	return dialect{
		name: "chat",
		path: func(string, bool) string { return "/v1/chat/completions" },
		body: func(model, prompt string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"stream":%t,"messages":[{"role":"user","content":%q}]}`, model, stream, prompt)
		},
		problem: openAIProblem, ends: []string{"data: [DONE]"}, broken: `data: {"error":{`,
	}
}

func responsesDialect() dialect {
	return dialect{
		name: "responses",
		path: func(string, bool) string { return "/v1/responses" },
		body: func(model, prompt string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"stream":%t,"input":%q}`, model, stream, prompt)
		},
		problem: openAIProblem, ends: []string{`"type":"response.completed"`}, broken: "event: error\ndata: {\"type\":\"error\"",
	}
}

func messagesDialect() dialect {
	return dialect{
		name: "messages",
		path: func(string, bool) string { return "/v1/messages" },
		body: func(model, prompt string, stream bool) string {
			return fmt.Sprintf(`{"model":%q,"stream":%t,"max_tokens":500,"messages":[{"role":"user","content":%q}]}`, model, stream, prompt)
		},
		problem: anthropicProblem, ends: []string{`"type":"message_stop"`}, broken: "event: error\ndata: {\"type\":\"error\",\"error\":{",
	}
}

func geminiDialect() dialect {
	return dialect{
		name: "gemini",
		path: func(model string, stream bool) string {
			if stream {
				return "/v1beta/models/" + model + ":streamGenerateContent?alt=sse"
			}
			return "/v1beta/models/" + model + ":generateContent"
		},
		body: func(_, prompt string, _ bool) string {
			return fmt.Sprintf(`{"contents":[{"role":"user","parts":[{"text":%q}]}]}`, prompt)
		},
		problem: geminiProblem, ends: []string{`"finishReason":"STOP"`}, broken: `data: {"error":{"code":`,
	}
}

// geminiArrayDialect is the stream of those who do not ask for events.
func geminiArrayDialect() dialect {
	d := geminiDialect()
	d.name, d.array = "gemini array", true
	d.path = func(model string, _ bool) string { return "/v1beta/models/" + model + ":streamGenerateContent" }
	return d
}

// manner is a dialect with the choice between a stream and a whole answer.
type manner struct {
	dialect
	stream bool
}

func (m manner) String() string {
	if m.stream {
		return m.name + " streamed"
	}
	return m.name + " whole"
}

// family names the family whose errors and headers the dialect shares.
func (m manner) family() string {
	name, _, _ := strings.Cut(m.name, " ")
	return name
}

// request asks a model in this manner.
func (m manner) request(model, prompt string, fields ...string) string {
	return post(m.path(model, m.stream), m.body(model, prompt, m.stream), fields...)
}

func manners() []manner {
	var out []manner
	for _, d := range []dialect{chatDialect(), responsesDialect(), messagesDialect(), geminiDialect()} {
		out = append(out, manner{d, false}, manner{d, true})
	}
	return append(out, manner{geminiArrayDialect(), true})
}

func openAIProblem(body []byte) (string, error) {
	var got struct {
		Error *struct {
			Message *string `json:"message"`
			Type    *string `json:"type"`
			Param   any     `json:"param"`
			Code    any     `json:"code"`
		} `json:"error"`
	}
	if err := strict(body, &got); err != nil {
		return "", err
	}
	if got.Error == nil || got.Error.Message == nil || got.Error.Type == nil || *got.Error.Message == "" {
		return "", fmt.Errorf("no message or type in %s", body)
	}
	return *got.Error.Message, nil
}

func anthropicProblem(body []byte) (string, error) {
	var got struct {
		Type  string `json:"type"`
		Error *struct {
			Message string `json:"message"`
			Type    string `json:"type"`
		} `json:"error"`
		RequestID string `json:"request_id"`
	}
	if err := strict(body, &got); err != nil {
		return "", err
	}
	if got.Type != "error" || got.Error == nil || got.Error.Message == "" || got.Error.Type == "" {
		return "", fmt.Errorf("no error, type or message in %s", body)
	}
	return got.Error.Message, nil
}

func geminiProblem(body []byte) (string, error) {
	var got struct {
		Error *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Status  string `json:"status"`
			Details []any  `json:"details"`
		} `json:"error"`
	}
	if err := strict(body, &got); err != nil {
		return "", err
	}
	if got.Error == nil || got.Error.Message == "" || got.Error.Code < 400 || got.Error.Status == "" {
		return "", fmt.Errorf("no code, message or status in %s", body)
	}
	return got.Error.Message, nil
}

// strict decodes JSON that may hold nothing but what is expected.
func strict(body []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("reading %s: %w", body, err)
	}
	return nil
}

// wantWhole checks that an answer is complete and reads well in its dialect.
func (m manner) wantWhole(t *testing.T, a *answer) {
	t.Helper()
	if a.cut != nil {
		t.Errorf("the answer was cut: %v", a.cut)
	}
	if m.stream && !m.array {
		for _, end := range m.ends {
			if !strings.Contains(string(a.body), end) {
				t.Errorf("got no %s in %s", end, a)
			}
		}
		return
	}
	if !json.Valid(a.body) {
		t.Errorf("got no JSON: %s", a)
	}
}

// wantProblem checks that an answer is an error in the shape of its dialect, and gives its message.
func (m manner) wantProblem(t *testing.T, a *answer) string {
	t.Helper()
	if a.cut != nil {
		t.Errorf("the error was cut: %v", a.cut)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("got content type %q, want application/json", got)
	}
	message, err := m.problem(a.body)
	if err != nil {
		t.Errorf("the error has not the shape of %s: %v", m.name, err)
	}
	return message
}

// wantBroken checks that a stream ends in one error event of its dialect and in a cut, so that nobody takes it for whole.
func (m manner) wantBroken(t *testing.T, a *answer) {
	t.Helper()
	if a.cut == nil {
		t.Errorf("the stream ended cleanly, want a cut: %s", a)
	}
	text := strings.ReplaceAll(string(a.body), "\r\n", "\n") // Google's line ends
	for _, end := range m.ends {
		if strings.Contains(text, end) {
			t.Errorf("the broken stream holds %s: %s", end, a)
		}
	}
	if m.array {
		var events []map[string]json.RawMessage
		if err := json.Unmarshal(a.body, &events); err != nil {
			t.Errorf("the broken array does not read: %v: %s", err, a)
		} else if len(events) == 0 || events[len(events)-1]["error"] == nil {
			t.Errorf("the last element is no error: %s", a)
		}
		return
	}
	text = strings.TrimSuffix(text, "\n\n")
	last := text[strings.LastIndex(text, "\n\n")+1:]
	if !strings.HasPrefix(strings.TrimLeft(last, "\n"), m.broken) {
		t.Errorf("the last event is %q, want it to begin with %q", last, m.broken)
	}
	if n := strings.Count(text, "\"error\":{"); n != 1 {
		t.Errorf("got %d error events, want 1: %s", n, a)
	}
}
