package wire

import "strings"

// textShape is what a value is to a reader of texts: which of its members carry text follows from it. The tables of
// this file are the one place that says so; a field that a vendor adds goes in here.
type textShape uint8

const (
	shapeNone    textShape = iota
	shapeText              // a text, texts, or parts
	shapeJSON              // a text that holds JSON
	shapeTree              // free JSON: names, strings and numbers
	shapeValues            // an object whose names belong to the API: strings only
	shapeDocs              // definitions of tools, and schemas: what describes, not what names
	shapeRepeat            // repeats text piece by piece
	shapeRequest           // a request body
	shapeAnswer            // an answer's body
	shapeChoice            // one of OpenAI's choices
	shapeCandidate
	shapeGrounding
	shapeMessage // has a role
	shapePart    // a part, an item, a block, a call
	shapeSource  // where Anthropic's parts take their content from
)

// textObject is an object that is walked over, with what its own members say of its text.
type textObject struct {
	shape textShape
	api   API
	kind  TextKind
	role  string
	typ   string
}

// learn reads the role and the type, which may stand behind the text.
func (o *textObject) learn(b []byte) {
	g := cursor{b: b}
	for ok := g.open('{'); ok; ok = g.more('{') {
		switch string(g.key()) {
		case "role":
			o.role, _ = scanDecode(g.span())
		case "type":
			o.typ, _ = scanDecode(g.span())
		case "thought":
			if c := g.peek(); c == 't' {
				o.kind = TextReasoning
			}
			g.skip()
		default:
			g.skip()
		}
	}
	switch o.role {
	case "system", "developer":
		o.kind = TextSystem
	case "user":
		o.kind = TextUser
	case "assistant", "model":
		o.kind = TextAssistant
	case "tool", "function":
		o.kind = TextToolResult
	}
	switch {
	case strings.HasSuffix(o.typ, "_output"), strings.HasSuffix(o.typ, "_result"):
		o.kind = TextToolResult
	case o.typ == "thinking", strings.HasPrefix(o.typ, "reasoning"):
		o.kind = TextReasoning
	}
}

// member says what the object's member of that name is.
func (o *textObject) member(key string) (textShape, TextKind) {
	switch o.shape {
	case shapeRequest:
		return o.request(key)
	case shapeAnswer:
		return o.answer(key)
	case shapeChoice:
		return o.choice(key)
	case shapeCandidate:
		return o.candidate(key)
	case shapeGrounding:
		if key == "groundingSupports" { // sentences of the answer and where they stand in it
			return shapeRepeat, TextAssistant
		}
		return shapeValues, TextOther
	case shapeDocs:
		switch key {
		case "description", "title":
			return shapeText, TextOther
		default:
			return shapeDocs, TextOther
		}
	case shapeValues:
		return shapeValues, o.kind
	case shapeSource:
		if key == "content" || (key == "data" && o.typ == "text") {
			return shapeText, o.kind
		}
		return shapeNone, TextOther
	case shapeMessage:
		if key == "name" && o.role != "" && o.role != "tool" && o.role != "function" { // else it is a tool's
			return shapeText, TextOther
		}
		return o.part(key)
	default:
		return o.part(key)
	}
}

// request is the table of the members of request bodies.
func (o *textObject) request(key string) (textShape, TextKind) {
	switch key {
	case "messages", "contents", "content", "input", "query", "documents", "prompt", "suffix":
		return shapeMessage, TextUser
	case "system", "instructions", "systemInstruction", "system_instruction":
		return shapeText, TextSystem
	case "prediction":
		return shapePart, TextAssistant
	case "tools", "functions", "response_format", "text", "output_config", "output_format", "generationConfig",
		"generation_config":
		return shapeDocs, TextOther
	case "metadata", "labels":
		return shapeValues, TextOther
	case "user", "safety_identifier", "title":
		return shapeText, TextOther
	case "requests", "generateContentRequest", "generate_content_request":
		return shapeRequest, TextOther
	default:
		return shapeNone, TextOther
	}
}

// answer is the table of the members of whole answers, and of the response object in events of OpenAI Responses.
func (o *textObject) answer(key string) (textShape, TextKind) {
	switch key {
	case "choices":
		return shapeChoice, TextAssistant
	case "candidates":
		return shapeCandidate, TextAssistant
	case "output", "output_text", "content", "data", "segments", "words":
		return shapeText, TextAssistant
	case "text": // a transcript, or in OpenAI Responses the format that was asked for
		if o.api == OpenAIResponses {
			return shapeDocs, TextOther
		}
		return shapeText, TextAssistant
	case "input":
		return shapeMessage, TextUser
	case "instructions":
		return shapeMessage, TextSystem
	case "prompt":
		return shapePart, TextUser
	case "tools":
		return shapeDocs, TextOther
	case "metadata", "citations", "search_results", "related_questions":
		return shapeValues, TextOther
	case "user", "safety_identifier", "stop_sequence", "stop_details", "promptFeedback", "error", "results":
		return shapeText, TextOther
	default:
		return shapeNone, TextOther
	}
}

func (o *textObject) choice(key string) (textShape, TextKind) {
	switch key {
	case "message", "delta":
		return shapeMessage, TextAssistant
	case "text":
		return shapeText, TextAssistant
	case "logprobs":
		return shapeRepeat, TextAssistant
	case "error":
		return shapeText, TextOther
	default:
		return shapeNone, TextOther
	}
}

func (o *textObject) candidate(key string) (textShape, TextKind) {
	switch key {
	case "content":
		return shapeMessage, TextAssistant
	case "groundingMetadata":
		return shapeGrounding, TextOther
	case "logprobsResult":
		return shapeRepeat, TextAssistant
	case "finishMessage":
		return shapeText, TextOther
	case "citationMetadata", "groundingAttributions", "urlContextMetadata":
		return shapeValues, TextOther
	default:
		return shapeNone, TextOther
	}
}

// part is the table of the members of messages, items, blocks, parts and calls, of all APIs together: they agree where
// they share a name.
func (o *textObject) part(key string) (textShape, TextKind) {
	switch key {
	case "text", "content", "parts", "transcript", "audio", "input_text", "output_text", "function", "custom",
		"tool_calls", "function_call", "functionCall", "functionResponse", "function_response", "executableCode",
		"executable_code", "codeExecutionResult", "code_execution_result", "document", "words", "word", "audioTranscription", "provider_specific_fields":
		return shapeText, o.kind
	case "thinking", "thinking_blocks", "reasoning", "reasoning_content", "reasoning_text", "reasoning_details",
		"summary":
		return shapeText, TextReasoning
	case "refusal", "explanation":
		return shapeText, TextRefusal
	case "arguments":
		return shapeJSON, TextToolArguments
	case "input", "args":
		return shapeTree, TextToolArguments
	case "response":
		return shapeTree, TextToolResult
	case "action", "actions", "operation", "queries", "toolCall", "tool_call":
		return shapeValues, TextToolArguments
	case "code":
		return shapeText, TextToolArguments
	case "output", "outputs", "results", "stdout", "stderr", "logs", "toolResponse", "tool_response":
		return shapeText, TextToolResult
	case "title", "context", "cited_text", "document_title", "filename", "url", "uri", "quote", "revised_prompt", "query",
		"description", "message", "blockReasonMessage", "annotations", "citations", "citation", "url_citation", "sources", "error", "reason":
		return shapeText, TextOther
	case "result": // in other items it is an image
		if o.typ == "program_output" {
			return shapeText, TextToolResult
		}
		return shapeNone, TextOther
	case "variables", "attributes":
		return shapeValues, o.kind
	case "source":
		return shapeSource, o.kind
	case "tools":
		return shapeDocs, TextOther
	case "logprobs":
		return shapeRepeat, o.kind
	default:
		return shapeNone, TextOther
	}
}
