package sim

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

const (
	// echoRunes is enough to recognise a prompt by, and keeps every answer small.
	echoRunes = 200
	// imageTokens is what one low-detail image costs.
	imageTokens = 85
	// slowPace makes a stream that a person can watch.
	slowPace = 150 * time.Millisecond
)

// Why an answer ended.
const (
	endStop   = "stop"
	endLength = "length"
	endTools  = "tools"
)

// use is one tool call of an answer.
type use struct {
	id, name, args string
}

// answer is what the simulated model says, in one form for every API.
type answer struct {
	id       uint64
	created  int64
	thinking string
	text     string
	chunks   []string // text, cut as a stream sends it
	uses     []use
	end      string
	in       int
	out      int
	thought  int
}

// answer makes up what the model says. It depends on the ask and the fault alone.
func (s *Server) answer(a *ask, f *Fault, id uint64) *answer {
	r := &answer{id: id, created: s.opts.Now().Unix(), end: endStop, in: max(1, tokens(a.words)+a.images*imageTokens)}
	kind := modelKind(a.model)
	if a.think || kind == "think" {
		r.thinking = "Thinking about: " + clip(a.text)
		r.thought = tokens(countWords(r.thinking))
	}
	r.uses = a.callTools(kind, id, f.canary)
	if len(r.uses) > 0 {
		r.end = endTools
		for _, u := range r.uses {
			r.out += tokens(1 + countWords(u.args))
		}
	} else {
		s.sayText(a, f, r)
	}
	r.out += r.thought
	return r
}

func (s *Server) sayText(a *ask, f *Fault, r *answer) {
	switch {
	case f.say != "":
		r.text = f.say
	case len(a.schema) > 0:
		r.text = fit(a.schema)
	case a.wantJSON:
		r.text = `{"sim":` + quote(clip(a.text)) + `}`
	case a.hasResult:
		r.text = "sim: the tool said " + clip(a.result)
	default:
		r.text = "sim: " + clip(a.text)
		if a.images > 0 {
			r.text += " (saw " + strconv.Itoa(a.images) + " images)"
		}
	}
	if f.canary != "" {
		r.text += " " + f.canary
	}
	want := f.chunks
	if want == 0 {
		want = s.opts.Chunks
	}
	// A stream of a given length needs a text of at least that many words.
	if have := countWords(r.text); want > have {
		r.text += strings.Repeat(" word", want-have)
	}
	if a.maxTokens > 0 && tokens(countWords(r.text)) > a.maxTokens {
		r.text = strings.Join(strings.Fields(r.text)[:max(1, a.maxTokens*3/4)], " ")
		r.end = endLength
	}
	r.out = tokens(countWords(r.text))
	r.chunks = split(r.text, want)
}

// callTools decides which tools the model calls: the one that the client insists on, those that the prompt names, and
// with the model "tools" at least the first.
func (a *ask) callTools(kind string, id uint64, canary string) []use {
	if len(a.tools) == 0 || a.choice == "none" || a.hasResult {
		return nil
	}
	var picked []tool
	for _, t := range a.tools {
		if t.name == a.choice || strings.Contains(a.text, t.name) && (a.choice == "auto" || a.choice == "required") {
			picked = append(picked, t)
		}
	}
	if len(picked) == 0 && (a.choice == "required" || kind == "tools") {
		picked = a.tools[:1]
	}
	if a.oneTool && len(picked) > 1 {
		picked = picked[:1]
	}
	uses := make([]use, 0, len(picked))
	for i, t := range picked {
		args := fit(t.schema)
		if canary != "" {
			args = `{"canary":` + quote(canary) + `}`
		}
		n := strconv.FormatUint(id, 10) + "_" + strconv.Itoa(i)
		uses = append(uses, use{id: "sim" + n, name: t.name, args: args})
	}
	return uses
}

// modelKind is the last part of a model's name: "sim:echo" and "acme/echo" behave like "echo".
func modelKind(model string) string {
	if i := strings.LastIndexAny(model, ":/"); i >= 0 {
		return model[i+1:]
	}
	return model
}

// pace is the wait between chunks.
func (s *Server) pace(a *ask, f *Fault) time.Duration {
	if f.hasPace {
		return f.pace
	}
	switch modelKind(a.model) {
	case "slow":
		return max(slowPace, s.opts.Pace)
	case "fast":
		return 0
	default:
		return s.opts.Pace
	}
}

// split cuts a text into n pieces at word borders (one for each word where n is 0); the pieces joined are the text.
func split(text string, n int) []string {
	var words []string
	for rest := text; rest != ""; {
		i := 0
		for i < len(rest) && rest[i] == ' ' {
			i++
		}
		for i < len(rest) && rest[i] != ' ' {
			i++
		}
		words = append(words, rest[:i])
		rest = rest[i:]
	}
	if n <= 0 || n >= len(words) {
		return words
	}
	out := make([]string, 0, n)
	for i := range n {
		out = append(out, strings.Join(words[i*len(words)/n:(i+1)*len(words)/n], ""))
	}
	return out
}

// halves cuts tool arguments, which no space may divide, as a stream sends them.
func halves(s string) []string {
	if len(s) < 2 {
		return []string{s}
	}
	// Arguments are made by fit and quote; a cut inside a rune would not be valid JSON on its own.
	i := len(s) / 2
	for i < len(s) && s[i]&0xC0 == 0x80 {
		i++
	}
	return []string{s[:i], s[i:]}
}

// clip is the begin of a text, as much of it as an answer repeats.
func clip(s string) string {
	runes := echoRunes
	for i := range s {
		if runes == 0 {
			return s[:i]
		}
		runes--
	}
	return s
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}
