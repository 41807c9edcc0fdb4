package sim

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const chatPath = "/v1/chat/completions"

func TestChat(t *testing.T) {
	r := newRig(t, Options{})
	g := r.ok(t, "POST", chatPath, `{"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello there"}]}`)
	for path, want := range map[string]any{
		"object": "chat.completion", "model": "m", "created": 1_800_000_000, "system_fingerprint": "fp_sim",
		"choices.0.message.role": "assistant", "choices.0.message.content": "sim: hello there",
		"choices.0.finish_reason": "stop", "choices.0.index": 0,
		"usage.prompt_tokens": 6, "usage.completion_tokens": 4, "usage.total_tokens": 10,
	} {
		g.want(t, path, want)
	}
	if h := g.header.Get("X-Request-Id"); h == "" {
		t.Error("got no x-request-id")
	}
}

func TestChatVariants(t *testing.T) {
	tests := []struct {
		name, body string
		want       map[string]any
	}{
		{
			"tool named in the prompt",
			`{"model":"m","messages":[{"role":"user","content":"use get_weather and get_time"}],"tools":[
			 {"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}},
			 {"type":"function","function":{"name":"get_time","parameters":{"type":"object"}}},
			 {"type":"function","function":{"name":"other"}}]}`,
			map[string]any{
				"choices.0.finish_reason": "tool_calls", "choices.0.message.content": nil, "choices.0.message.tool_calls.#": 2,
				"choices.0.message.tool_calls.0.type": "function", "choices.0.message.tool_calls.0.function.name": "get_weather",
				"choices.0.message.tool_calls.0.function.arguments": `{"city":"sim"}`, "choices.0.message.tool_calls.1.function.arguments": `{}`,
			},
		},
		{
			"one call at a time",
			`{"model":"m","parallel_tool_calls":false,"messages":[{"role":"user","content":"use a1 and a2"}],"tools":[{"type":"function","function":{"name":"a1"}},{"type":"function","function":{"name":"a2"}}]}`,
			map[string]any{"choices.0.message.tool_calls.#": 1},
		},
		{
			"tool insisted on",
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"tool_choice":{"type":"function","function":{"name":"b"}},"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}]}`,
			map[string]any{"choices.0.message.tool_calls.#": 1, "choices.0.message.tool_calls.0.function.name": "b"},
		},
		{
			"tools not needed",
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"abc"}}]}`,
			map[string]any{"choices.0.message.content": "sim: hi"},
		},
		{
			"model that always calls",
			`{"model":"sim:tools","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"abc"}}]}`,
			map[string]any{"choices.0.message.tool_calls.0.function.name": "abc"},
		},
		{
			"tool result",
			`{"model":"sim:tools","messages":[{"role":"user","content":"abc"},{"role":"assistant","tool_calls":[]},{"role":"tool","content":"sunny"}],"tools":[{"type":"function","function":{"name":"abc"}}]}`,
			map[string]any{"choices.0.message.content": "sim: the tool said sunny", "choices.0.finish_reason": "stop"},
		},
		{
			"structured",
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"n":{"type":"integer","minimum":7},"tag":{"enum":["a","b"]}}}}}}`,
			map[string]any{"choices.0.message.content": `{"n":7,"tag":"a"}`},
		},
		{
			"json mode",
			`{"model":"m","messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_object"}}`,
			map[string]any{"choices.0.message.content": `{"sim":"hi"}`},
		},
		{
			"vision",
			`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:,"}},{"type":"image_url","image_url":{"url":"data:,"}}]}]}`,
			map[string]any{"choices.0.message.content": "sim: look (saw 2 images)", "usage.prompt_tokens": 172},
		},
		{
			"length",
			`{"model":"m","max_tokens":4,"messages":[{"role":"user","content":"a b c d e f"}]}`,
			map[string]any{"choices.0.message.content": "sim: a b", "choices.0.finish_reason": "length", "usage.completion_tokens": 4},
		},
		{
			"several choices",
			`{"model":"m","n":3,"messages":[{"role":"user","content":"a"}]}`,
			map[string]any{"choices.#": 3, "choices.2.index": 2},
		},
	}
	r := newRig(t, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := r.ok(t, "POST", chatPath, tt.body)
			for path, want := range tt.want {
				g.want(t, path, want)
			}
		})
	}
}

func TestChatStream(t *testing.T) {
	r := newRig(t, Options{})
	g := r.ok(t, "POST", chatPath, `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"one two"}]}`)
	_, data := g.events(t)
	if last := string(data[len(data)-1]); last != "[DONE]" {
		t.Fatalf("last event: got %s, want [DONE]", last)
	}
	var text strings.Builder
	id := dig(t, data[0], "id")
	for _, d := range data[:len(data)-1] {
		if s, ok := dig(t, d, "choices.0.delta.content").(string); ok {
			text.WriteString(s)
		}
		if got := dig(t, d, "id"); got != id {
			t.Errorf("id: got %v, want %v all through the stream", got, id)
		}
	}
	if got, want := text.String(), "sim: one two"; got != want {
		t.Errorf("text: got %q, want %q", got, want)
	}
	usage := data[len(data)-2]
	if n := dig(t, usage, "choices.#"); n != 0.0 {
		t.Errorf("choices of the usage chunk: got %v, want none", n)
	}
	if n := dig(t, usage, "usage.total_tokens"); n != 7.0 {
		t.Errorf("total_tokens: got %v, want 7", n)
	}
	if got := dig(t, data[len(data)-3], "choices.0.finish_reason"); got != "stop" {
		t.Errorf("finish_reason: got %v, want stop", got)
	}
	if c := r.lastCall(t); c.End != Completed || c.Events != len(data) || !c.Stream || c.Model != "m" {
		t.Errorf("journal: got %+v", c)
	}
}

func TestChatStreamTools(t *testing.T) {
	r := newRig(t, Options{})
	g := r.ok(t, "POST", chatPath, `{"model":"m","stream":true,"messages":[{"role":"user","content":"abc def"}],"tools":[{"type":"function","function":{"name":"abc","parameters":{"type":"object","properties":{"x":{"type":"string"}}}}},{"type":"function","function":{"name":"def"}}]}`)
	_, data := g.events(t)
	args, ids := map[float64]string{}, map[any]bool{}
	for _, d := range data[:len(data)-1] {
		i, ok := dig(t, d, "choices.0.delta.tool_calls.0.index").(float64)
		if !ok {
			continue
		}
		if s, ok := dig(t, d, "choices.0.delta.tool_calls.0.function.arguments").(string); ok {
			args[i] += s
		}
		if id := dig(t, d, "choices.0.delta.tool_calls.0.id"); id != nil {
			ids[id] = true
		}
	}
	if diff := cmp.Diff(map[float64]string{0: `{"x":"sim"}`, 1: `{}`}, args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if len(ids) != 2 {
		t.Errorf("ids: got %d, want 2", len(ids))
	}
}

func TestCompletions(t *testing.T) {
	r := newRig(t, Options{})
	g := r.ok(t, "POST", "/v1/completions", `{"model":"m","prompt":"once"}`)
	g.want(t, "object", "text_completion")
	g.want(t, "choices.0.text", "sim: once")
	g = r.ok(t, "POST", "/v1/completions", `{"model":"m","prompt":["once"],"stream":true}`)
	_, data := g.events(t)
	if got := dig(t, data[1], "choices.0.text"); got != " once" {
		t.Errorf("second chunk: got %v, want \" once\"", got)
	}
}

func TestResponses(t *testing.T) {
	r := newRig(t, Options{})
	g := r.ok(t, "POST", "/v1/responses", `{"model":"m","input":"hello","metadata":{"a":"b"}}`, "Authorization: Bearer one")
	id, ok := g.at(t, "id").(string)
	if !ok || !strings.HasPrefix(id, "resp_") {
		t.Fatalf("id: got %v", id)
	}
	for path, want := range map[string]any{
		"object": "response", "status": "completed", "output.0.type": "message", "output.0.content.0.type": "output_text",
		"output.0.content.0.text": "sim: hello", "metadata.a": "b", "usage.total_tokens": 5,
	} {
		g.want(t, path, want)
	}
	r.ok(t, "GET", "/v1/responses/"+id, "", "Authorization: Bearer one").want(t, "id", id)
	if g := r.ask(t, "GET", "/v1/responses/"+id, "", "Authorization: Bearer two"); g.status != 404 {
		t.Errorf("GET with another key: got %d, want 404", g.status)
	}
	follow := `{"model":"m","previous_response_id":"` + id + `","input":[{"role":"user","content":[{"type":"input_text","text":"more"},{"type":"input_image","image_url":"data:,"}]}]}`
	r.ok(t, "POST", "/v1/responses", follow, "Authorization: Bearer one").want(t, "output.0.content.0.text", "sim: more (saw 1 images)")
	if g := r.ask(t, "POST", "/v1/responses/"+id+"/cancel", "", "Authorization: Bearer one"); g.status != 400 {
		t.Errorf("cancel of a finished response: got %d, want 400", g.status)
	}
	r.ok(t, "DELETE", "/v1/responses/"+id, "", "Authorization: Bearer one").want(t, "deleted", true)
	if g := r.ask(t, "POST", "/v1/responses", follow, "Authorization: Bearer one"); g.status != 400 || g.at(t, "error.code") != "previous_response_not_found" {
		t.Errorf("after DELETE: got %d %s", g.status, g.body)
	}
	g = r.ok(t, "POST", "/v1/responses", `{"model":"m","input":"later","background":true}`)
	g.want(t, "status", "queued")
	id, _ = g.at(t, "id").(string)
	r.ok(t, "POST", "/v1/responses/"+id+"/cancel", "").want(t, "status", "cancelled")
}

func TestResponsesStream(t *testing.T) {
	r := newRig(t, Options{})
	tests := []struct {
		name, body string
		want       []string
	}{
		{"text", `{"model":"m","stream":true,"input":"x"}`, []string{
			"response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
			"response.output_text.delta", "response.output_text.delta", "response.output_text.done", "response.content_part.done",
			"response.output_item.done", "response.completed",
		}},
		{"tool", `{"model":"m","stream":true,"input":"x","tool_choice":"required","tools":[{"type":"function","name":"f"}]}`, []string{
			"response.created", "response.in_progress", "response.output_item.added", "response.function_call_arguments.delta",
			"response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.done", "response.completed",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			names, data := r.ok(t, "POST", "/v1/responses", tt.body).events(t)
			if diff := cmp.Diff(tt.want, names); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			for i, d := range data {
				if got := dig(t, d, "sequence_number"); got != float64(i) {
					t.Errorf("sequence_number: got %v, want %d", got, i)
				}
				if got := dig(t, d, "type"); got != names[i] {
					t.Errorf("type: got %v, want %s", got, names[i])
				}
			}
		})
	}
}

func TestEmbeddings(t *testing.T) {
	r := newRig(t, Options{})
	g := r.ok(t, "POST", "/v1/embeddings", `{"model":"m","input":["a","b","a"],"dimensions":4}`)
	g.want(t, "data.#", 3)
	g.want(t, "data.0.embedding.#", 4)
	if a, b := g.at(t, "data.0.embedding.0"), g.at(t, "data.1.embedding.0"); a == b {
		t.Error("different texts gave the same vector")
	}
	if a, b := g.at(t, "data.0.embedding.0"), g.at(t, "data.2.embedding.0"); a != b {
		t.Error("the same text gave different vectors")
	}
	g = r.ok(t, "POST", "/v1/embeddings", `{"model":"m","input":"a","encoding_format":"base64"}`)
	s, _ := g.at(t, "data.0.embedding").(string)
	if b, err := base64.StdEncoding.DecodeString(s); err != nil || len(b) != 4*defaultDimensions {
		t.Errorf("base64: got %d bytes, error %v", len(b), err)
	}
}

func TestOtherOpenAI(t *testing.T) {
	r := newRig(t, Options{})
	g := r.ok(t, "POST", "/v1/moderations", `{"input":["pure violence","flowers"]}`)
	g.want(t, "results.0.flagged", true)
	g.want(t, "results.0.categories.violence", true)
	g.want(t, "results.1.flagged", false)
	g = r.ok(t, "POST", "/v1/rerank", `{"model":"m","query":"red fox","documents":["a dog",{"text":"the red fox"},"red"],"top_n":2,"return_documents":true}`)
	g.want(t, "results.#", 2)
	g.want(t, "results.0.index", 1)
	g.want(t, "results.0.document.text", "the red fox")
	g = r.ok(t, "POST", "/v1/images/generations", `{"model":"m","prompt":"a fox"}`)
	s, _ := g.at(t, "data.0.b64_json").(string)
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(raw)); err != nil {
		t.Errorf("picture: %v", err)
	}
	g = r.ok(t, "POST", "/v1/audio/speech", `{"model":"m","input":"hi","voice":"v"}`)
	if !bytes.HasPrefix(g.body, []byte("RIFF")) || g.header.Get("Content-Type") != "audio/wav" {
		t.Errorf("speech: got %s, %q", g.header.Get("Content-Type"), g.body[:4])
	}
	r.ok(t, "GET", "/v1/models", "").want(t, "data.0.object", "model")
	r.ok(t, "GET", "/v1/models/acme%2Fx", "").want(t, "id", "acme/x")
}

func TestTranscription(t *testing.T) {
	r := newRig(t, Options{})
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("file", "a.wav")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(silence()); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteField("model", "m"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	g := r.ok(t, "POST", "/v1/audio/transcriptions", b.String(), "Content-Type: "+w.FormDataContentType())
	g.want(t, "text", "sim: heard a.wav, 1644 bytes")
	if c := r.lastCall(t); c.Model != "m" {
		t.Errorf("model: got %q, want m", c.Model)
	}
}
