package sim

import (
	"encoding/json"
)

type messagesRequest struct {
	Model    string          `json:"model"`
	System   json.RawMessage `json:"system"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	MaxTokens *int `json:"max_tokens"`
	Tools     []struct {
		Type        string          `json:"type"`
		Name        string          `json:"name"`
		InputSchema json.RawMessage `json:"input_schema"`
	} `json:"tools"`
	ToolChoice struct {
		Type    string `json:"type"`
		Name    string `json:"name"`
		OnlyOne bool   `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
	Thinking struct {
		Type string `json:"type"`
	} `json:"thinking"`
	OutputFormat schemaHolder `json:"output_format"`
	OutputConfig struct {
		Format schemaHolder `json:"format"`
	} `json:"output_config"`
	Stream bool `json:"stream"`
}

type schemaHolder struct {
	Schema json.RawMessage `json:"schema"`
}

func (r *messagesRequest) ask() *ask {
	a := &ask{
		model: r.Model, stream: r.Stream, n: 1, oneTool: r.ToolChoice.OnlyOne, schema: r.OutputFormat.Schema,
		think: r.Thinking.Type == "enabled" || r.Thinking.Type == "adaptive",
	}
	if len(r.OutputConfig.Format.Schema) > 0 {
		a.schema = r.OutputConfig.Format.Schema
	}
	if r.MaxTokens != nil {
		a.maxTokens = *r.MaxTokens
	}
	switch r.ToolChoice.Type {
	case "any":
		a.choice = "required"
	case "tool":
		a.choice = r.ToolChoice.Name
	case "none":
		a.choice = "none"
	default:
		a.choice = "auto"
	}
	a.turn("system", r.System)
	for _, m := range r.Messages {
		a.turn(m.Role, m.Content)
	}
	for _, t := range r.Tools {
		a.tools = append(a.tools, tool{name: t.Name, schema: t.InputSchema})
	}
	return a
}

func (j *job) countMessages() (*reply, *failure) {
	var req messagesRequest
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if len(req.Messages) == 0 {
		return nil, wrong("", "messages: at least one message is required")
	}
	a := req.ask()
	return whole(obj{"input_tokens": max(1, tokens(a.words)+a.images*imageTokens)}), nil
}

func (j *job) messages() (*reply, *failure) {
	var req messagesRequest
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if req.MaxTokens == nil {
		return nil, wrong("", "max_tokens: Field required")
	}
	if len(req.Messages) == 0 {
		return nil, wrong("", "messages: at least one message is required")
	}
	a := req.ask()
	ans := j.s.answer(a, j.fault, j.call.Number)
	if j.streams(a) {
		return streamed(a, j.messageEvents(a, ans), j.failed()), nil
	}
	m := j.message(a, ans)
	m["content"], m["stop_reason"] = blocks(ans, j.fault.canary), stopReason(ans.end)
	m["usage"] = anthropicUsage(ans, ans.out)
	return whole(m), nil
}

func (j *job) message(a *ask, ans *answer) obj {
	return obj{
		"id": j.s.id("msg_", ans.id) + j.fault.canary, "type": "message", "role": "assistant", "model": a.model,
		"content": []any{}, "stop_reason": nil, "stop_sequence": nil, "usage": anthropicUsage(ans, 1),
	}
}

func anthropicUsage(ans *answer, out int) obj {
	return obj{
		"input_tokens": ans.in, "output_tokens": out, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
		"cache_creation": obj{"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}, "service_tier": "standard",
	}
}

func stopReason(end string) string {
	switch end {
	case endTools:
		return "tool_use"
	case endLength:
		return "max_tokens"
	default:
		return "end_turn"
	}
}

// signature stands for the vendor's proof that the thinking is its own.
const signature = "c2lt"

func blocks(ans *answer, canary string) []any {
	var out []any
	if ans.thinking != "" {
		out = append(out, obj{"type": "thinking", "thinking": ans.thinking, "signature": signature + canary})
	}
	if ans.text != "" {
		out = append(out, obj{"type": "text", "text": ans.text, "citations": nil})
	}
	for _, u := range ans.uses {
		out = append(out, obj{"type": "tool_use", "id": "toolu_" + u.id, "name": u.name, "input": json.RawMessage(u.args)})
	}
	return out
}

// blockStream makes the events of one message.
type blockStream struct {
	events []event
	index  int
}

func (b *blockStream) emit(kind string, content bool, body obj) {
	body["type"] = kind
	b.events = append(b.events, event{name: kind, data: encode(body), content: content})
}

// block sends one content block: its opening, its deltas, its end.
func (b *blockStream) block(open obj, deltas ...obj) {
	b.emit("content_block_start", false, obj{"index": b.index, "content_block": open})
	if b.index == 0 {
		b.emit("ping", false, obj{})
	}
	for _, d := range deltas {
		b.emit("content_block_delta", d["type"] != "signature_delta", obj{"index": b.index, "delta": d})
	}
	b.emit("content_block_stop", false, obj{"index": b.index})
	b.index++
}

func (j *job) messageEvents(a *ask, ans *answer) []event {
	b := &blockStream{}
	b.emit("message_start", false, obj{"message": j.message(a, ans)})
	if ans.thinking != "" {
		b.block(
			obj{"type": "thinking", "thinking": "", "signature": ""},
			obj{"type": "thinking_delta", "thinking": ans.thinking},
			obj{"type": "signature_delta", "signature": signature + j.fault.canary},
		)
	}
	if ans.text != "" {
		deltas := make([]obj, 0, len(ans.chunks))
		for _, text := range ans.chunks {
			deltas = append(deltas, obj{"type": "text_delta", "text": text})
		}
		b.block(obj{"type": "text", "text": ""}, deltas...)
	}
	for _, u := range ans.uses {
		halves := halves(u.args)
		deltas := make([]obj, 0, len(halves))
		for _, half := range halves {
			deltas = append(deltas, obj{"type": "input_json_delta", "partial_json": half})
		}
		b.block(obj{"type": "tool_use", "id": "toolu_" + u.id, "name": u.name, "input": obj{}}, deltas...)
	}
	b.emit("message_delta", false, obj{
		"delta": obj{"stop_reason": stopReason(ans.end), "stop_sequence": nil}, "usage": anthropicUsage(ans, ans.out),
	})
	b.emit("message_stop", false, obj{})
	return b.events
}
