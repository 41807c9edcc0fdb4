package sim

import (
	"bytes"
	"encoding/json"

	"github.com/valyala/fasthttp"
)

type responsesRequest struct {
	Model        string          `json:"model"`
	Input        json.RawMessage `json:"input"`
	Instructions json.RawMessage `json:"instructions"`
	Tools        []struct {
		Type       string          `json:"type"`
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
	} `json:"tools"`
	ToolChoice json.RawMessage `json:"tool_choice"`
	Parallel   *bool           `json:"parallel_tool_calls"`
	Text       struct {
		Format struct {
			Type   string          `json:"type"`
			Schema json.RawMessage `json:"schema"`
		} `json:"format"`
	} `json:"text"`
	Reasoning       json.RawMessage `json:"reasoning"`
	MaxOutputTokens int             `json:"max_output_tokens"`
	Stream          bool            `json:"stream"`
	Store           *bool           `json:"store"`
	Background      bool            `json:"background"`
	Previous        string          `json:"previous_response_id"`
	Metadata        json.RawMessage `json:"metadata"`
}

// inputItem is one item of a Responses input: a message, or what became of a tool call.
type inputItem struct {
	Type    string          `json:"type"`
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	Output  json.RawMessage `json:"output"`
}

func (r *responsesRequest) ask() *ask {
	a := &ask{
		model: r.Model, stream: r.Stream, n: 1, maxTokens: r.MaxOutputTokens, choice: openAIChoice(r.ToolChoice),
		schema: r.Text.Format.Schema, wantJSON: r.Text.Format.Type == "json_object",
		oneTool: r.Parallel != nil && !*r.Parallel,
		think:   len(r.Reasoning) > 0 && !bytes.Equal(r.Reasoning, []byte("null")),
	}
	a.turn("system", r.Instructions)
	var items []inputItem
	if json.Unmarshal(r.Input, &items) != nil {
		a.turn("user", r.Input)
	}
	for i := range items {
		if items[i].Type == "function_call_output" {
			a.toolResult(items[i].Output)
			continue
		}
		if items[i].Role != "" {
			a.turn(items[i].Role, items[i].Content)
		}
	}
	for i := range r.Tools {
		if r.Tools[i].Type == "function" {
			a.tools = append(a.tools, tool{name: r.Tools[i].Name, schema: r.Tools[i].Parameters})
		}
	}
	return a
}

func (j *job) responses() (*reply, *failure) {
	var req responsesRequest
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if len(req.Input) == 0 {
		return nil, &failure{status: fasthttp.StatusBadRequest, code: "missing_required_parameter", param: "input", message: "Missing required parameter: 'input'."}
	}
	if req.Previous != "" && j.s.replies.get(req.Previous, j.call.Key) == nil {
		return nil, &failure{
			status: fasthttp.StatusBadRequest, code: "previous_response_not_found", param: "previous_response_id",
			message: "Previous response with id '" + req.Previous + "' not found.",
		}
	}
	a := req.ask()
	ans := j.s.answer(a, j.fault, j.call.Number)
	b := &responseBuilder{j: j, req: &req, ans: ans, id: j.s.id("resp_", ans.id) + j.fault.canary}
	done := b.response(b.status(), b.items())
	if req.Store == nil || *req.Store {
		j.s.replies.put(b.id, j.call.Key, done, req.Background)
	}
	if j.streams(a) {
		return streamed(a, b.events(done), b.failed()), nil
	}
	if req.Background {
		return whole(b.response("queued", []any{})), nil
	}
	return whole(done), nil
}

// responseBuilder makes the objects of one response.
type responseBuilder struct {
	j   *job
	req *responsesRequest
	ans *answer
	id  string
	seq int
	out []event
}

func (b *responseBuilder) status() string {
	if b.ans.end == endLength {
		return "incomplete"
	}
	return "completed"
}

func (b *responseBuilder) response(status string, output []any) obj {
	a, req := b.ans, b.req
	r := obj{
		"id": b.id, "object": "response", "created_at": a.created, "status": status, "background": req.Background,
		"completed_at": nil, "error": nil, "incomplete_details": nil, "instructions": orNull(req.Instructions),
		"max_output_tokens": nil, "max_tool_calls": nil, "model": req.Model, "output": output,
		"parallel_tool_calls": req.Parallel == nil || *req.Parallel, "previous_response_id": orNil(req.Previous),
		"prompt_cache_key": nil, "reasoning": obj{"effort": nil, "summary": nil}, "safety_identifier": nil,
		"service_tier": "default", "store": req.Store == nil || *req.Store, "temperature": 1.0,
		"text":        obj{"format": obj{"type": "text"}, "verbosity": "medium"},
		"tool_choice": "auto", "tools": []any{}, "top_logprobs": 0, "top_p": 1.0, "truncation": "disabled",
		"usage": nil, "user": nil, "metadata": obj{},
	}
	if len(req.Metadata) > 0 {
		r["metadata"] = req.Metadata
	}
	if status == "incomplete" {
		r["incomplete_details"] = obj{"reason": "max_output_tokens"}
	}
	if status == "completed" || status == "incomplete" {
		r["completed_at"] = a.created
		r["usage"] = obj{
			"input_tokens": a.in, "input_tokens_details": obj{"cached_tokens": 0, "cache_write_tokens": 0},
			"output_tokens": a.out, "output_tokens_details": obj{"reasoning_tokens": a.thought}, "total_tokens": a.in + a.out,
		}
	}
	return r
}

func orNull(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	return raw
}

// items are the output items, whole.
func (b *responseBuilder) items() []any {
	var out []any
	if b.ans.thinking != "" {
		out = append(out, b.reasoning([]any{obj{"type": "summary_text", "text": b.ans.thinking}}))
	}
	for _, u := range b.ans.uses {
		out = append(out, functionCall(u, "completed", u.args))
	}
	if len(b.ans.uses) == 0 {
		out = append(out, b.message(b.status(), []any{textPart(b.ans.text)}))
	}
	return out
}

func (b *responseBuilder) reasoning(summary []any) obj {
	return obj{"id": "rs_" + b.id, "type": "reasoning", "summary": summary}
}

func (b *responseBuilder) message(status string, parts []any) obj {
	return obj{"id": "msg_" + b.id, "type": "message", "status": status, "role": "assistant", "content": parts}
}

func textPart(text string) obj {
	return obj{"type": "output_text", "annotations": []any{}, "logprobs": []any{}, "text": text}
}

func functionCall(u use, status, args string) obj {
	return obj{"id": "fc_" + u.id, "type": "function_call", "status": status, "arguments": args, "call_id": "call_" + u.id, "name": u.name}
}

// emit adds one event; its type names it twice, and the sequence number grows by one.
func (b *responseBuilder) emit(kind string, content bool, body obj) {
	body["type"], body["sequence_number"] = kind, b.seq
	b.seq++
	b.out = append(b.out, event{name: kind, data: encode(body), content: content})
}

func (b *responseBuilder) events(done obj) []event {
	b.emit("response.created", false, obj{"response": b.response("in_progress", []any{})})
	b.emit("response.in_progress", false, obj{"response": b.response("in_progress", []any{})})
	index := 0
	if b.ans.thinking != "" {
		b.streamReasoning(index)
		index++
	}
	for _, u := range b.ans.uses {
		b.streamCall(index, u)
		index++
	}
	if len(b.ans.uses) == 0 {
		b.streamText(index)
	}
	kind := "response.completed"
	if b.status() != "completed" {
		kind = "response.incomplete"
	}
	b.emit(kind, false, obj{"response": done})
	return b.out
}

func (b *responseBuilder) streamReasoning(index int) {
	item := b.reasoning([]any{})
	at := func(o obj) obj {
		o["item_id"], o["output_index"], o["summary_index"] = item["id"], index, 0
		return o
	}
	text := b.ans.thinking
	b.emit("response.output_item.added", false, obj{"output_index": index, "item": item})
	b.emit("response.reasoning_summary_part.added", false, at(obj{"part": obj{"type": "summary_text", "text": ""}}))
	b.emit("response.reasoning_summary_text.delta", true, at(obj{"delta": text}))
	b.emit("response.reasoning_summary_text.done", false, at(obj{"text": text}))
	b.emit("response.reasoning_summary_part.done", false, at(obj{"part": obj{"type": "summary_text", "text": text}}))
	b.emit("response.output_item.done", false, obj{"output_index": index, "item": b.reasoning([]any{obj{"type": "summary_text", "text": text}})})
}

func (b *responseBuilder) streamCall(index int, u use) {
	id := "fc_" + u.id
	b.emit("response.output_item.added", false, obj{"output_index": index, "item": functionCall(u, "in_progress", "")})
	for _, half := range halves(u.args) {
		b.emit("response.function_call_arguments.delta", true, obj{"item_id": id, "output_index": index, "delta": half})
	}
	b.emit("response.function_call_arguments.done", false, obj{"item_id": id, "output_index": index, "name": u.name, "arguments": u.args})
	b.emit("response.output_item.done", false, obj{"output_index": index, "item": functionCall(u, "completed", u.args)})
}

func (b *responseBuilder) streamText(index int) {
	item := b.message("in_progress", []any{})
	at := func(o obj) obj {
		o["item_id"], o["output_index"], o["content_index"] = item["id"], index, 0
		return o
	}
	b.emit("response.output_item.added", false, obj{"output_index": index, "item": item})
	b.emit("response.content_part.added", false, at(obj{"part": textPart("")}))
	for _, text := range b.ans.chunks {
		b.emit("response.output_text.delta", true, at(obj{"delta": text, "logprobs": []any{}}))
	}
	b.emit("response.output_text.done", false, at(obj{"text": b.ans.text, "logprobs": []any{}}))
	b.emit("response.content_part.done", false, at(obj{"part": textPart(b.ans.text)}))
	b.emit("response.output_item.done", false, obj{"output_index": index, "item": b.message(b.status(), []any{textPart(b.ans.text)})})
}

// failed is the error event of this API; it carries no sequence number of its own that could be right at any place.
func (b *responseBuilder) failed() event {
	message := "The server had an error while processing your request."
	return event{name: "error", data: encode(obj{
		"type": "error", "code": "server_error", "message": message + " " + b.j.fault.canary, "param": nil, "sequence_number": b.seq,
	})}
}
