package actions

import (
	"errors"
	"strings"
	"testing"

	"weir/engine"
	"weir/engine/wire"
)

func TestSystemPromptEdits(t *testing.T) {
	tests := []struct {
		name     string
		api      wire.API
		position string
		body     string
		want     string
	}{
		{"chat, none", wire.OpenAIChat, promptPrepend, `{"messages": [ {"role":"user","content":"hi"}]}`, `{"messages": [{"role":"system","content":"be \"kind\""}, {"role":"user","content":"hi"}]}`},
		{"chat, none to append to", wire.OpenAIChat, promptAppend, `{"messages":[{"role":"user","content":"hi"}]}`, `{"messages":[{"role":"system","content":"be \"kind\""},{"role":"user","content":"hi"}]}`},
		{"chat, text", wire.OpenAIChat, promptPrepend, `{"messages":[{"content":"brief\u0021","role":"developer"},{"role":"user","content":"hi"}]}`, `{"messages":[{"content":"be \"kind\"\n\nbrief!","role":"developer"},{"role":"user","content":"hi"}]}`},
		{"chat, parts", wire.OpenAIChat, promptPrepend, `{"messages":[{"role":"system","content":[{"type":"text","text":"a"}]}]}`, `{"messages":[{"role":"system","content":[{"type":"text","text":"be \"kind\""},{"type":"text","text":"a"}]}]}`},
		{"chat, no content", wire.OpenAIChat, promptPrepend, `{"messages":[{"role":"system"}]}`, `{"messages":[{"role":"system","content":"be \"kind\""}]}`},
		{"chat, append to the last that lead", wire.OpenAIChat, promptAppend, `{"messages":[{"role":"system","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"hi"},{"role":"system","content":"c"}]}`, `{"messages":[{"role":"system","content":"a"},{"role":"system","content":"b\n\nbe \"kind\""},{"role":"user","content":"hi"},{"role":"system","content":"c"}]}`},
		{"chat, replace", wire.OpenAIChat, promptReplace, `{"messages":[{"role":"developer","content":"a"},{"role":"user","content":"hi"},{"role":"system","content":"c"}]}`, `{"messages":[{"role":"developer","content":"be \"kind\""},{"role":"user","content":"hi"}]}`},
		{"responses, none", wire.OpenAIResponses, promptPrepend, `{"input":"hi"}`, `{"input":"hi","instructions":"be \"kind\""}`},
		{"responses, null", wire.OpenAIResponses, promptAppend, `{"instructions":null,"input":"hi"}`, `{"instructions":"be \"kind\"","input":"hi"}`},
		{"responses, text", wire.OpenAIResponses, promptAppend, `{"instructions":"a","input":"hi"}`, `{"instructions":"a\n\nbe \"kind\"","input":"hi"}`},
		{"responses, items", wire.OpenAIResponses, promptPrepend, `{"instructions":[{"role":"developer","content":"a"}]}`, `{"instructions":[{"role":"developer","content":"be \"kind\""},{"role":"developer","content":"a"}]}`},
		{"responses, replace", wire.OpenAIResponses, promptReplace, `{"instructions":"a","input":[{"role":"system","content":"b"},{"role":"user","content":"hi"}]}`, `{"instructions":"be \"kind\"","input":[{"role":"user","content":"hi"}]}`},
		{"anthropic, none", wire.AnthropicMessages, promptPrepend, `{"messages":[]}`, `{"messages":[],"system":"be \"kind\""}`},
		{"anthropic, text", wire.AnthropicMessages, promptPrepend, `{"system":"a"}`, `{"system":"be \"kind\"\n\na"}`},
		{"anthropic, blocks", wire.AnthropicMessages, promptAppend, `{"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}`, `{"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"be \"kind\""}]}`},
		{"anthropic, no blocks", wire.AnthropicMessages, promptPrepend, `{"system":[]}`, `{"system":[{"type":"text","text":"be \"kind\""}]}`},
		{"anthropic, replace", wire.AnthropicMessages, promptReplace, `{"system":[{"type":"text","text":"a"}],"x":1}`, `{"system":"be \"kind\"","x":1}`},
		{"anthropic count", wire.AnthropicCountTokens, promptPrepend, `{"system":"a"}`, `{"system":"be \"kind\"\n\na"}`},
		{"gemini, none", wire.GeminiGenerate, promptPrepend, `{"contents":[]}`, `{"contents":[],"systemInstruction":{"parts":[{"text":"be \"kind\""}]}}`},
		{"gemini, parts", wire.GeminiGenerate, promptPrepend, `{"system_instruction":{"role":"user","parts":[{"text":"a"}]}}`, `{"system_instruction":{"role":"user","parts":[{"text":"be \"kind\""},{"text":"a"}]}}`},
		{"gemini, one part", wire.GeminiGenerate, promptAppend, `{"systemInstruction":{"parts":{"text":"a"}}}`, `{"systemInstruction":{"parts":[{"text":"a"},{"text":"be \"kind\""}]}}`},
		{"gemini, a text", wire.GeminiGenerate, promptAppend, `{"systemInstruction":"a"}`, `{"systemInstruction":"a\n\nbe \"kind\""}`},
		{"gemini, no parts", wire.GeminiGenerate, promptAppend, `{"systemInstruction":{}}`, `{"systemInstruction":{"parts":[{"text":"be \"kind\""}]}}`},
		{"gemini, replace", wire.GeminiGenerate, promptReplace, `{"systemInstruction":"a"}`, `{"systemInstruction":{"parts":[{"text":"be \"kind\""}]}}`},
		{"gemini count", wire.GeminiCountTokens, promptPrepend, `{"generateContentRequest":{"systemInstruction":{"parts":[{"text":"a"}]}}}`, `{"generateContentRequest":{"systemInstruction":{"parts":[{"text":"be \"kind\""},{"text":"a"}]}}}`},
		{"completions", wire.OpenAICompletions, promptAppend, `{"prompt":"once"}`, `{"prompt":"be \"kind\"\n\nonce"}`},
		{"completions, several", wire.OpenAICompletions, promptPrepend, `{"prompt":["a", "b\n"]}`, `{"prompt":["be \"kind\"\n\na", "be \"kind\"\n\nb\n"]}`},
		{"embeddings", wire.OpenAIEmbeddings, promptPrepend, `{"input":"a"}`, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := systemPromptEdit(t, tt.api, tt.position, tt.body)
			if err != nil || got != tt.want {
				t.Errorf("got %v and\n%s, want\n%s", err, got, tt.want)
			}
		})
	}
}

// systemPromptEdit is what the action makes of a body, "" where nothing.
func systemPromptEdit(t *testing.T, api wire.API, position, body string) (string, error) {
	t.Helper()
	rules := compile(t, "on_request: [{actions: [{type: system-prompt, config: {text: 'be \"kind\"', position: "+position+"}}]}]").OnRequest
	action, ok := rules[0].Actions[0].Action.(*systemPrompt)
	if !ok {
		t.Fatalf("got %T", rules[0].Actions[0].Action)
	}
	x := exchange()
	x.Request.API, x.Request.Body = api, []byte(body)
	if problem := x.Request.Peek.Read(api, x.Request.Body); problem != nil {
		t.Fatal(problem)
	}
	edited, _, err := action.edited(x)
	return string(edited), err
}

func TestSystemPromptRefuses(t *testing.T) {
	tests := []struct {
		name string
		api  wire.API
		body string
		code engine.Code
	}{
		{"tokens", wire.OpenAICompletions, `{"prompt":[1,2]}`, engine.CodeContentBlocked},
		{"lists of tokens", wire.OpenAICompletions, `{"prompt":[[1],[2]]}`, engine.CodeContentBlocked},
		{"no prompt", wire.OpenAICompletions, `{"prompt":7}`, engine.CodeBadRequest},
		{"a number for a system", wire.AnthropicMessages, `{"system":7}`, engine.CodeBadRequest},
		{"a list for an instruction", wire.GeminiGenerate, `{"systemInstruction":[]}`, engine.CodeBadRequest},
		{"a role twice", wire.OpenAIChat, `{"messages":[{"role":"user","role":"system","content":"a"}]}`, engine.CodeBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := systemPromptEdit(t, tt.api, promptPrepend, tt.body)
			if own, ok := errors.AsType[*engine.Error](err); !ok || own.Code != tt.code {
				t.Errorf("got %q and %v, want %s", got, err, tt.code)
			}
		})
	}
	for _, text := range []string{"''", strings.Repeat("x", maxSystemPrompt+1)} {
		if got := problems(t, "on_request: [{actions: [{type: system-prompt, config: {text: "+text+"}}]}]"); got != "bad_value" {
			t.Errorf("got %q for %d bytes, want a text that is refused", got, len(text))
		}
	}
}
