package sim

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
)

type obj = map[string]any

// tool is one function that the client offers.
type tool struct {
	name   string
	schema json.RawMessage
}

// ask is what an answer depends on, in one form for every API.
type ask struct {
	model     string
	stream    bool
	text      string // of the last user turn
	words     int    // of everything that was sent
	images    int
	tools     []tool
	choice    string // auto, none, required, or the name of a tool
	oneTool   bool   // no parallel calls
	result    string // of the tool call that the last turn answers
	hasResult bool
	schema    json.RawMessage // of the structured answer asked for
	wantJSON  bool
	think     bool
	maxTokens int
	n         int
	usage     bool // a stream is to show its usage
}

// part is one piece of a turn in any of the dialects.
type part struct {
	Type             string          `json:"type"`
	Text             string          `json:"text"`
	Thought          bool            `json:"thought"`
	InlineData       json.RawMessage `json:"inlineData"`
	FileData         json.RawMessage `json:"fileData"`
	Content          json.RawMessage `json:"content"`
	FunctionResponse *struct {
		Response json.RawMessage `json:"response"`
	} `json:"functionResponse"`
}

// turn adds the content of one turn: a string, a part, or a list of parts.
func (a *ask) turn(role string, raw json.RawMessage) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return
	}
	user := role == "user" || role == ""
	if user {
		a.text, a.hasResult = "", false
	}
	switch raw[0] {
	case '"':
		a.add(user, str(raw))
	case '{':
		var p part
		if json.Unmarshal(raw, &p) == nil {
			a.part(user, &p)
		}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return
		}
		for _, item := range list {
			item = bytes.TrimSpace(item)
			if item[0] == '"' {
				a.add(user, str(item))
				continue
			}
			var p part
			if json.Unmarshal(item, &p) == nil {
				a.part(user, &p)
			}
		}
	}
}

func (a *ask) part(user bool, p *part) {
	switch {
	case p.Type == "image" || p.Type == "image_url" || p.Type == "input_image" || len(p.InlineData) > 0 || len(p.FileData) > 0:
		a.images++
	case p.Type == "tool_result":
		a.toolResult(p.Content)
	case p.FunctionResponse != nil:
		a.toolResult(p.FunctionResponse.Response)
	case p.Text != "":
		a.add(user, p.Text)
	}
}

func (a *ask) add(user bool, text string) {
	a.words += countWords(text)
	if !user {
		return
	}
	if a.text != "" && text != "" {
		a.text += " "
	}
	a.text += text
}

// toolResult notes what a tool said; the last one wins.
func (a *ask) toolResult(raw json.RawMessage) {
	text := plain(raw)
	a.words += countWords(text)
	a.result, a.hasResult = text, true
}

// plain is the text of a result: a string, a list of text parts, or the JSON itself.
func plain(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return ""
	}
	if raw[0] == '"' {
		return str(raw)
	}
	var parts []part
	if raw[0] == '[' && json.Unmarshal(raw, &parts) == nil {
		var texts []string
		for i := range parts {
			texts = append(texts, parts[i].Text)
		}
		return strings.Join(texts, " ")
	}
	return string(raw)
}

func str(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func countWords(s string) int {
	n, in := 0, false
	for _, r := range s {
		space := unicode.IsSpace(r)
		if !space && !in {
			n++
		}
		in = !space
	}
	return n
}

// tokens is the simulator's idea of a tokenizer: four tokens to three words.
func tokens(words int) int {
	return (words*4 + 2) / 3
}
