package sim

import (
	"encoding/json"
	"strings"
)

type geminiContent struct {
	Role  string          `json:"role"`
	Parts json.RawMessage `json:"parts"`
}

type generateRequest struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction geminiContent   `json:"systemInstruction"`
	Tools             []struct {
		Functions []struct {
			Name       string          `json:"name"`
			Parameters json.RawMessage `json:"parameters"`
			JSONSchema json.RawMessage `json:"parametersJsonSchema"`
		} `json:"functionDeclarations"`
	} `json:"tools"`
	ToolConfig struct {
		Calling struct {
			Mode    string   `json:"mode"`
			Allowed []string `json:"allowedFunctionNames"`
		} `json:"functionCallingConfig"`
	} `json:"toolConfig"`
	Config struct {
		MaxOutputTokens int             `json:"maxOutputTokens"`
		MIMEType        string          `json:"responseMimeType"`
		Schema          json.RawMessage `json:"responseSchema"`
		JSONSchema      json.RawMessage `json:"responseJsonSchema"`
		Thinking        struct {
			Include bool `json:"includeThoughts"`
		} `json:"thinkingConfig"`
	} `json:"generationConfig"`
	// Nested is how countTokens carries the request it asks about.
	Nested *generateRequest `json:"generateContentRequest"`
}

func (r *generateRequest) ask(model string) *ask {
	c := &r.Config
	a := &ask{
		model: model, n: 1, maxTokens: c.MaxOutputTokens, think: c.Thinking.Include, choice: "auto",
		schema: c.Schema, wantJSON: c.MIMEType == jsonType,
	}
	if len(c.JSONSchema) > 0 {
		a.schema = c.JSONSchema
	}
	switch strings.ToUpper(r.ToolConfig.Calling.Mode) {
	case "ANY":
		a.choice = "required"
		if allowed := r.ToolConfig.Calling.Allowed; len(allowed) > 0 {
			a.choice = allowed[0]
		}
	case "NONE":
		a.choice = "none"
	}
	a.turn("system", r.SystemInstruction.Parts)
	for _, t := range r.Contents {
		a.turn(t.Role, t.Parts)
	}
	for _, t := range r.Tools {
		for _, fn := range t.Functions {
			schema := fn.Parameters
			if len(fn.JSONSchema) > 0 {
				schema = fn.JSONSchema
			}
			a.tools = append(a.tools, tool{name: fn.Name, schema: schema})
		}
	}
	return a
}

func (j *job) readGenerate() (*ask, *failure) {
	var req generateRequest
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if req.Nested != nil {
		req = *req.Nested
	}
	if len(req.Contents) == 0 {
		return nil, wrong("", "* GenerateContentRequest.contents: contents is not specified")
	}
	return req.ask(j.target.name), nil
}

func (j *job) generate() (*reply, *failure) {
	a, bad := j.readGenerate()
	if bad != nil {
		return nil, bad
	}
	a.stream = j.target.stream
	ans := j.s.answer(a, j.fault, j.call.Number)
	if !j.streams(a) {
		var parts []any
		if ans.thinking != "" {
			parts = append(parts, obj{"text": ans.thinking, "thought": true})
		}
		if ans.text != "" {
			parts = append(parts, obj{"text": ans.text})
		}
		return whole(j.candidate(a, ans, append(parts, functionCalls(ans)...), geminiFinish(ans.end))), nil
	}
	r := streamed(a, j.generateEvents(a, ans), j.failed())
	r.framing = sseCRLF
	if string(j.ctx.QueryArgs().Peek("alt")) != "sse" {
		r.kind, r.framing = "application/json; charset=UTF-8", array
	}
	return r, nil
}

func functionCalls(ans *answer) []any {
	out := make([]any, 0, len(ans.uses))
	for _, u := range ans.uses {
		out = append(out, obj{"functionCall": obj{"id": u.id, "name": u.name, "args": json.RawMessage(u.args)}})
	}
	return out
}

// geminiFinish is STOP for a function call too: clients end their tool loop on anything else.
func geminiFinish(end string) string {
	if end == endLength {
		return "MAX_TOKENS"
	}
	return "STOP"
}

// candidate is one answer or one piece of a stream; only the last piece has a finish reason.
func (j *job) candidate(a *ask, ans *answer, parts []any, finish string) obj {
	out := ans.out - ans.thought
	usage := obj{
		"promptTokenCount": ans.in, "totalTokenCount": ans.in,
		"promptTokensDetails": []any{obj{"modality": "TEXT", "tokenCount": ans.in}},
	}
	c := obj{"content": obj{"role": "model", "parts": parts}, "index": 0}
	if finish != "" {
		c["finishReason"] = finish
		usage["candidatesTokenCount"], usage["totalTokenCount"] = out, ans.in+ans.out
		if ans.thought > 0 {
			usage["thoughtsTokenCount"] = ans.thought
		}
	}
	return obj{
		"candidates": []any{c}, "usageMetadata": usage, "modelVersion": a.model,
		"responseId": j.s.id("", ans.id) + j.fault.canary,
	}
}

func (j *job) generateEvents(a *ask, ans *answer) []event {
	var parts []any
	if ans.thinking != "" {
		parts = append(parts, obj{"text": ans.thinking, "thought": true})
	}
	for _, text := range ans.chunks {
		parts = append(parts, obj{"text": text})
	}
	parts = append(parts, functionCalls(ans)...)
	events := make([]event, 0, len(parts))
	for i, p := range parts {
		finish := ""
		if i == len(parts)-1 {
			finish = geminiFinish(ans.end)
		}
		events = append(events, event{content: true, data: encode(j.candidate(a, ans, []any{p}, finish))})
	}
	return events
}

type embedRequest struct {
	Content    geminiContent `json:"content"`
	Dimensions int           `json:"outputDimensionality"`
}

func (r *embedRequest) embedding() (obj, *failure) {
	if len(r.Content.Parts) == 0 {
		return nil, wrong("", "* EmbedContentRequest.content: content is not specified")
	}
	if r.Dimensions < 0 || r.Dimensions > maxDimensions {
		return nil, wrong("", "* EmbedContentRequest.output_dimensionality: out of range")
	}
	a := &ask{}
	a.turn("user", r.Content.Parts)
	return obj{"values": vector(a.text, r.Dimensions)}, nil
}

func (j *job) embedContent() (*reply, *failure) {
	var req embedRequest
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	e, bad := req.embedding()
	if bad != nil {
		return nil, bad
	}
	return whole(obj{"embedding": e}), nil
}

func (j *job) batchEmbed() (*reply, *failure) {
	var req struct {
		Requests []embedRequest `json:"requests"`
	}
	if bad := j.read(&req); bad != nil {
		return nil, bad
	}
	if len(req.Requests) == 0 || len(req.Requests) > maxInputs {
		return nil, wrong("", "* BatchEmbedContentsRequest.requests: requests is not specified or too long")
	}
	out := make([]any, 0, len(req.Requests))
	for i := range req.Requests {
		e, bad := req.Requests[i].embedding()
		if bad != nil {
			return nil, bad
		}
		out = append(out, e)
	}
	return whole(obj{"embeddings": out}), nil
}

func (j *job) countContent() (*reply, *failure) {
	a, bad := j.readGenerate()
	if bad != nil {
		return nil, bad
	}
	n := max(1, tokens(a.words)+a.images*imageTokens)
	return whole(obj{"totalTokens": n, "promptTokensDetails": []any{obj{"modality": "TEXT", "tokenCount": n}}}), nil
}
