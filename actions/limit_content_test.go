package actions

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/engine/wire"
)

func TestCountContent(t *testing.T) {
	tests := []struct {
		name string
		api  wire.API
		body string
		want contentCounts
	}{
		{
			"chat", wire.OpenAIChat, `{"n":3,"tools":[{"type":"function","function":{"name":"f"}},{"type":"web_search"}],"messages":[
			{"role":"system","content":"brief"},
			{"role":"user","content":[{"type":"text","text":"grüße"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAA"}},
			{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},{"type":"file","file":{"file_id":"f"}}]},
			{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},
			{"role":"tool","tool_call_id":"1","content":"ok"}]}`,
			contentCounts{messages: 3, text: 5 + 5 + 7 + 2, longest: 7, images: 1, attachments: 2, media: 6, tools: 2, calls: 1, choices: 3},
		},
		{
			"responses", wire.OpenAIResponses, `{"instructions":"abc","input":[{"role":"user","content":"hi"},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},
			{"type":"function_call_output","call_id":"1","output":[{"type":"input_image","image_url":"https://x/y.png"}]}]}`,
			contentCounts{messages: 3, text: 3 + 2 + 2, longest: 3, images: 1, calls: 1},
		},
		{
			"anthropic", wire.AnthropicMessages, `{"system":"s","max_tokens":5,"messages":[{"role":"user","content":[
			{"type":"tool_result","tool_use_id":"1","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},
			{"type":"document","source":{"type":"text","media_type":"text/plain","data":"four"}}]}]}`,
			contentCounts{messages: 2, text: 5, longest: 4, images: 1, attachments: 1, media: 3},
		},
		{
			"gemini", wire.GeminiGenerate, `{"contents":[{"parts":[{"text":"hello"},{"inline_data":{"mime_type":"video/mp4","data":"AAAAAAAA"}}]}],
			"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]},{"googleSearch":{}}],"generationConfig":{"candidateCount":2}}`,
			contentCounts{messages: 1, text: 5, longest: 5, attachments: 1, media: 6, tools: 3, choices: 2},
		},
		{
			"embeddings", wire.OpenAIEmbeddings, `{"input":["one","three"]}`, contentCounts{messages: 2, text: 8, longest: 5},
		},
		{
			"a fraction asks for as many as the next number", wire.OpenAIChat, `{"n":1.5,"messages":[]}`, contentCounts{choices: 2},
		},
		{
			"no body", wire.OpenAIChat, ``, contentCounts{},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := exchange()
			x.Request.API, x.Request.Body = tt.api, []byte(tt.body)
			got, err := countContent(x)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got, cmp.AllowUnexported(contentCounts{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCountForm(t *testing.T) {
	body := []byte("----\r\nprompt: a cat n: 4 image: 0123456789")
	form := &wire.Multipart{Parts: []wire.Part{
		{Name: "prompt", Start: 14, End: 19}, {Name: "n", Start: 23, End: 24}, {Name: "image[]", File: true, Start: 32, End: 42}, {Name: "file", File: true},
	}}
	n := &contentCounts{}
	n.form(form, body)
	if diff := cmp.Diff(&contentCounts{messages: 1, text: 5, longest: 5, images: 1, attachments: 1, media: 10, choices: 4}, n, cmp.AllowUnexported(contentCounts{})); diff != "" {
		t.Error(diff)
	}
}
