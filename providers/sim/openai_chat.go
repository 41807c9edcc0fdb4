package sim

import (
	"encoding/json"
	"strings"
)

// maxChoices is OpenAI's own limit of n.
const maxChoices = 128

type chatRequest struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Tools []struct {
		Function struct {
			Name       string          `json:"name"`
			Parameters json.RawMessage `json:"parameters"`
		} `json:"function"`
	} `json:"tools"`
	ToolChoice     json.RawMessage `json:"tool_choice"`
	Parallel       *bool           `json:"parallel_tool_calls"`
	ResponseFormat struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	MaxTokens     int  `json:"max_tokens"`
	MaxCompletion int  `json:"max_completion_tokens"`
	N             int  `json:"n"`
	Stream        bool `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

func (r *chatRequest) ask() *ask {
	a := &ask{
		model: r.Model, stream: r.Stream, n: max(1, r.N), usage: r.StreamOptions.IncludeUsage,
		maxTokens: max(r.MaxTokens, r.MaxCompletion), oneTool: r.Parallel != nil && !*r.Parallel,
		wantJSON: r.ResponseFormat.Type == "json_object", schema: r.ResponseFormat.JSONSchema.Schema,
		choice: openAIChoice(r.ToolChoice),
	}
	for _, m := range r.Messages {
		if m.Role == "tool" || m.Role == "function" {
			a.toolResult(m.Content)
			continue
		}
		a.turn(m.Role, m.Content)
	}
	for _, t := range r.Tools {
		a.tools = append(a.tools, tool{name: t.Function.Name, schema: t.Function.Parameters})
	}
	return a
}

// openAIChoice reads "auto", "none", "required", or the object that names a function, in Chat's form and in Responses'.
func openAIChoice(raw json.RawMessage) string {
	if s := str(raw); s != "" {
		return s
	}
	var named struct {
		Name     string `json:"name"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if json.Unmarshal(raw, &named) != nil || named.Name+named.Function.Name == "" {
		return "auto"
	}
	return named.Name + named.Function.Name
}

func (j *job) chat() (*reply, *failure) {
	var req chatRequest
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if len(req.Messages) == 0 {
		return nil, wrong("messages", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	}
	if req.N > maxChoices {
		return nil, wrong("n", "Invalid 'n': the highest value is 128.")
	}
	a := req.ask()
	ans := j.s.answer(a, j.fault, j.call.Number)
	if j.streams(a) {
		return streamed(a, j.chatEvents(a, ans), j.failed()), nil
	}
	choices := make([]any, 0, a.n)
	for i := range a.n {
		choices = append(choices, obj{"index": i, "message": chatMessage(ans), "logprobs": nil, "finish_reason": chatFinish(ans.end)})
	}
	body := j.chatHead(a, ans, "chat.completion")
	body["choices"], body["usage"] = choices, chatUsage(ans, a.n)
	return whole(body), nil
}

func chatMessage(ans *answer) obj {
	m := obj{"role": "assistant", "content": orNil(ans.text), "refusal": nil, "annotations": []any{}}
	if ans.thinking != "" {
		m["reasoning_content"] = ans.thinking
	}
	if len(ans.uses) > 0 {
		calls := make([]any, 0, len(ans.uses))
		for _, u := range ans.uses {
			calls = append(calls, obj{"id": "call_" + u.id, "type": "function", "function": obj{"name": u.name, "arguments": u.args}})
		}
		m["tool_calls"] = calls
	}
	return m
}

func chatFinish(end string) string {
	if end == endTools {
		return "tool_calls"
	}
	return end
}

func (j *job) chatHead(a *ask, ans *answer, object string) obj {
	prefix := "chatcmpl-"
	if strings.HasPrefix(object, "text") {
		prefix = "cmpl-"
	}
	return obj{
		"id": j.s.id(prefix, ans.id) + j.fault.canary, "object": object, "created": ans.created, "model": a.model,
		"system_fingerprint": "fp_sim" + j.fault.canary, "service_tier": "default",
	}
}

func chatUsage(ans *answer, n int) obj {
	return obj{
		"prompt_tokens": ans.in, "completion_tokens": ans.out * n, "total_tokens": ans.in + ans.out*n,
		"prompt_tokens_details":     obj{"cached_tokens": 0, "audio_tokens": 0},
		"completion_tokens_details": obj{"reasoning_tokens": ans.thought * n, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
	}
}

// chunker makes the chunks of one chat stream.
type chunker struct {
	head   func() obj
	usage  bool
	events []event
}

func (c *chunker) choice(index int, delta obj, finish any, content bool) {
	body := c.head()
	body["choices"] = []any{obj{"index": index, "delta": delta, "logprobs": nil, "finish_reason": finish}}
	if c.usage {
		body["usage"] = nil
	}
	c.events = append(c.events, event{data: encode(body), content: content})
}

func (j *job) chatEvents(a *ask, ans *answer) []event {
	c := &chunker{usage: a.usage, head: func() obj { return j.chatHead(a, ans, "chat.completion.chunk") }}
	for i := range a.n {
		c.choice(i, obj{"role": "assistant", "content": "", "refusal": nil}, nil, false)
		if ans.thinking != "" {
			c.choice(i, obj{"reasoning_content": ans.thinking}, nil, true)
		}
		for _, text := range ans.chunks {
			c.choice(i, obj{"content": text}, nil, true)
		}
		for n, u := range ans.uses {
			c.choice(i, obj{"tool_calls": []any{obj{"index": n, "id": "call_" + u.id, "type": "function", "function": obj{"name": u.name, "arguments": ""}}}}, nil, true)
			for _, half := range halves(u.args) {
				c.choice(i, obj{"tool_calls": []any{obj{"index": n, "function": obj{"arguments": half}}}}, nil, true)
			}
		}
	}
	for i := range a.n {
		c.choice(i, obj{}, chatFinish(ans.end), false)
	}
	if a.usage {
		body := c.head()
		body["choices"], body["usage"] = []any{}, chatUsage(ans, a.n)
		c.events = append(c.events, event{data: encode(body)})
	}
	return append(c.events, event{data: []byte("[DONE]")})
}

type completionRequest struct {
	Model         string          `json:"model"`
	Prompt        json.RawMessage `json:"prompt"`
	MaxTokens     int             `json:"max_tokens"`
	N             int             `json:"n"`
	Stream        bool            `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

func (j *job) completions() (*reply, *failure) {
	var req completionRequest
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if req.N > maxChoices {
		return nil, wrong("n", "Invalid 'n': the highest value is 128.")
	}
	a := &ask{model: req.Model, stream: req.Stream, n: max(1, req.N), maxTokens: req.MaxTokens, usage: req.StreamOptions.IncludeUsage}
	a.turn("user", req.Prompt)
	ans := j.s.answer(a, j.fault, j.call.Number)
	choices := func(text string, finish any) []any {
		out := make([]any, 0, a.n)
		for i := range a.n {
			out = append(out, obj{"text": text, "index": i, "logprobs": nil, "finish_reason": finish})
		}
		return out
	}
	head := func() obj { return j.chatHead(a, ans, "text_completion") }
	if !j.streams(a) {
		body := head()
		body["choices"], body["usage"] = choices(ans.text, ans.end), chatUsage(ans, a.n)
		return whole(body), nil
	}
	var events []event
	for _, text := range ans.chunks {
		body := head()
		body["choices"] = choices(text, nil)
		events = append(events, event{data: encode(body), content: true})
	}
	body := head()
	body["choices"] = choices("", ans.end)
	events = append(events, event{data: encode(body)})
	if a.usage {
		body := head()
		body["choices"], body["usage"] = []any{}, chatUsage(ans, a.n)
		events = append(events, event{data: encode(body)})
	}
	return streamed(a, append(events, event{data: []byte("[DONE]")}), j.failed()), nil
}
