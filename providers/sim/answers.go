package sim

import (
	"encoding/json"

	"github.com/valyala/fasthttp"
)

const jsonType = "application/json"

// answer finds the endpoint and lets it answer.
func (j *job) answer() (*reply, *failure) {
	if bad := j.check(); bad != nil {
		return nil, bad
	}
	switch j.target.endpoint {
	case chat:
		return j.chat()
	case completions:
		return j.completions()
	case embeddings:
		return j.embeddings()
	case responses:
		return j.responses()
	case responseByID, responseCancel:
		return j.storedResponse()
	case moderations:
		return j.moderations()
	case images:
		return j.images()
	case speech:
		return j.speech()
	case transcriptions:
		return j.transcriptions()
	case rerank:
		return j.rerank()
	case messages:
		return j.messages()
	case countMessages:
		return j.countMessages()
	case generate:
		return j.generate()
	case embedContent:
		return j.embedContent()
	case batchEmbed:
		return j.batchEmbed()
	case countContent:
		return j.countContent()
	case modelsList:
		return j.modelsList()
	case modelByID:
		return j.modelByID()
	default:
		return nil, &failure{status: fasthttp.StatusNotFound, code: "unknown_url", message: "Invalid URL (" + j.call.Method + " " + j.call.Path + ")"}
	}
}

// missingModel is the one model name that no simulated vendor has.
const missingModel = "no-such-model"

// check refuses what every vendor refuses, whatever the endpoint.
func (j *job) check() *failure {
	switch j.target.endpoint {
	case responseByID, responseCancel, modelsList, modelByID, unknownEndpoint:
		return nil
	default:
	}
	if j.call.Method != fasthttp.MethodPost {
		return &failure{status: fasthttp.StatusMethodNotAllowed, code: "method_not_supported", message: "Not allowed to " + j.call.Method + " on this path"}
	}
	if j.target.endpoint != transcriptions {
		var body map[string]json.RawMessage
		if err := json.Unmarshal(j.body, &body); err != nil {
			return wrong("", "We could not parse the JSON body of your request: "+err.Error())
		}
	}
	if j.call.Model == "" && j.target.endpoint != moderations {
		return wrong("model", "you must provide a model parameter")
	}
	if modelKind(j.call.Model) == missingModel {
		return (&Fault{noModel: true}).ordered(j.target.dialect, j.call.Model)
	}
	return nil
}

// read decodes the body into what an endpoint wants of it.
func (j *job) read(v any) *failure {
	body := j.body
	if j.target.dialect == gemini {
		body = camelNames(body)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return wrong("", "invalid request: "+err.Error())
	}
	return nil
}

func whole(v any) *reply {
	return &reply{kind: jsonType, body: encode(v)}
}

// streamed starts the reply of an SSE stream.
func streamed(a *ask, events []event, failed event) *reply {
	return &reply{kind: "text/event-stream; charset=utf-8", events: events, failed: failed, pace: *a}
}

// modelsList and modelByID answer in the shape of the API that asks.
func (j *job) modelsList() (*reply, *failure) {
	list := make([]any, 0, len(j.s.opts.Models))
	for _, m := range j.s.opts.Models {
		list = append(list, model(j.target.dialect, m))
	}
	switch j.target.dialect {
	case anthropic:
		first, last := "", ""
		if n := len(j.s.opts.Models); n > 0 {
			first, last = j.s.opts.Models[0], j.s.opts.Models[n-1]
		}
		return whole(obj{"data": list, "has_more": false, "first_id": orNil(first), "last_id": orNil(last)}), nil
	case gemini:
		return whole(obj{"models": list}), nil
	default:
		return whole(obj{"object": "list", "data": list}), nil
	}
}

func (j *job) modelByID() (*reply, *failure) {
	if modelKind(j.target.name) == missingModel {
		return nil, (&Fault{noModel: true}).ordered(j.target.dialect, j.target.name)
	}
	return whole(model(j.target.dialect, j.target.name)), nil
}

// modelsSince is when the simulated models came out: a fixed day, so that answers do not change.
const (
	modelsSince     = "2026-01-01T00:00:00Z"
	modelsSinceUnix = 1767225600
	contextWindow   = 128_000
	outputLimit     = 8_192
)

func model(d dialect, name string) obj {
	switch d {
	case anthropic:
		return obj{
			"type": "model", "id": name, "display_name": "Sim " + name, "created_at": modelsSince,
			"max_input_tokens": contextWindow, "max_tokens": outputLimit,
		}
	case gemini:
		return obj{
			"name": "models/" + name, "version": "001", "displayName": "Sim " + name, "description": "simulated",
			"inputTokenLimit": contextWindow, "outputTokenLimit": outputLimit, "temperature": 1, "topP": 0.95, "topK": 64,
			"supportedGenerationMethods": []string{"generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"},
		}
	default:
		return obj{"id": name, "object": "model", "created": modelsSinceUnix, "owned_by": "sim"}
	}
}
