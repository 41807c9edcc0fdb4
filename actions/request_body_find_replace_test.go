package actions

import (
	"strings"
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

// TestFindReplaceInForms checks that the prompt of a form is edited, and neither its file nor its settings.
func TestFindReplaceInForms(t *testing.T) {
	part := func(head, content string) string {
		return "--x\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + content + "\r\n"
	}
	form := func(prompt string) string {
		return part(`name="model"`, "secret") + part(`name="prompt"`, prompt) + part(`name="language"`, "secret") +
			part(`name="file"; filename="secret.mp3"`, "secret\x00\xff") + part(`name="prompt"; filename="f"`, "secret") + "--x--\r\n"
	}
	cfg := compile(t, "on_request: [{type: request-body-find-replace, config: {replacements: [{from: secret, to: hidden}]}}]")
	for _, tt := range [][2]string{{"a secret prompt", "a hidden prompt"}, {"a prompt", "a prompt"}} {
		x := exchange()
		x.Request.API, x.Request.Body = wire.OpenAITranscriptions, []byte(form(tt[0]))
		parsed, problem := wire.ParseMultipart("multipart/form-data; boundary=x", x.Request.Body)
		if problem != nil {
			t.Fatal(problem.Message)
		}
		x.Request.Form = parsed
		if _, err := run(t, x, cfg.OnRequest); err != nil {
			t.Fatal(err)
		}
		if got := string(x.Request.Body); got != form(tt[1]) {
			t.Errorf("got %q, want %q", got, form(tt[1]))
		}
	}
}

func TestRequestBodyFindReplaceWithoutBody(t *testing.T) {
	cfg := compile(t, "on_request: [{type: request-body-find-replace, config: {replacements: [{from: '$', to: more}]}}]")
	x := exchange()
	x.Request.API = wire.APIUnknown
	if v, err := run(t, x, cfg.OnRequest); err != nil || v != engine.VerdictContinue || len(x.Request.Body) != 0 {
		t.Errorf("got %v, %v and %q, want nothing done", v, err, x.Request.Body)
	}
}

// TestRequestBodyFindReplaceUnreadable checks that a body whose texts cannot be found is not sent on.
func TestRequestBodyFindReplaceUnreadable(t *testing.T) {
	cfg := compile(t, "on_request: [{type: request-body-find-replace, config: {replacements: [{from: a}]}}]")
	x := exchange()
	x.Request.API, x.Request.Body = wire.OpenAIChat, []byte(`{"messages":[`)
	if _, err := run(t, x, cfg.OnRequest); err == nil || !strings.Contains(err.Error(), "request-body-find-replace") {
		t.Errorf("got %v, want a failure of the action", err)
	}
}
