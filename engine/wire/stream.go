package wire

import "bytes"

// Signal is what one event means to whoever relays the stream.
type Signal uint8

// The signals. SignalPreamble is nothing a user would see: role chunks, message_start, response.created, pings,
// comments, empty deltas. SignalContent is text, thinking, refusal or tool-call data. SignalUsage is a chunk that holds
// usage and no choice (OpenAI chat and completions). SignalError is a failure, see Failure. SignalEnd closes the stream
// and holds no content: [DONE], message_stop, response.completed, response.incomplete, a last Gemini chunk without
// text; bytes may still follow it. SignalOther belongs to an answer but shows nothing: a finish_reason alone,
// content_block_stop, progress of server-side tools, unknown types. SignalMalformed is data that is not JSON before the
// end of the answer.
const (
	SignalPreamble Signal = iota
	SignalContent
	SignalUsage
	SignalError
	SignalEnd
	SignalOther
	SignalMalformed
)

// String names the signal for logs and tests.
func (s Signal) String() string {
	names := [...]string{"preamble", "content", "usage", "error", "end", "other", "malformed"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// Observer follows the events of one attempt's stream. It changes nothing, keeps nothing of the events but the id, the
// model and the finish reason, and allocates only while those first grow.
type Observer struct {
	api     API
	ended   bool
	failed  bool
	usage   usageCounts
	passed  int64 // bytes of output since the vendor last counted it
	counted int64 // output that the vendor had counted by then
	tools   toolCounts
	failure Failure
	kind    []byte // a type taken from the SSE name
	finish  []byte
	id      []byte
	model   []byte
	seen    uint64 // choices with any event, by index
	closed  uint64 // choices with a finish reason
}

// Reset makes the observer ready for another attempt.
func (o *Observer) Reset(api API) {
	*o = Observer{api: api, kind: o.kind[:0], finish: o.finish[:0], id: o.id[:0], model: o.model[:0]}
}

// Observe takes the stream's next event and says what it is.
func (o *Observer) Observe(ev *Event) Signal {
	data := bytes.Trim(ev.Data, " \t\r\n") // the white space of JSON and no other
	if len(data) == 0 {
		if ev.Name == "error" {
			return o.fail(nil)
		}
		return SignalPreamble
	}
	if streamDone(data) {
		o.ended = o.ended || o.doneEnds()
		return SignalEnd
	}
	g := cursor{b: data}
	ended := o.ended
	var sig Signal
	switch o.api {
	case AnthropicMessages:
		sig = o.anthropic(&g, ev.Name)
	case GeminiGenerate:
		sig = o.gemini(&g)
	case OpenAIResponses, OpenAIImages, OpenAISpeech, OpenAITranscriptions:
		sig = o.typed(&g, ev.Name)
	default:
		sig = o.chat(&g)
	}
	switch {
	case ev.Name == "error" && sig != SignalError:
		return o.fail(data)
	case !g.done() && ended:
		return SignalOther // nothing of the answer is lost
	case !g.done():
		o.ended = false
		return SignalMalformed
	}
	return sig
}

// Failure is what the last SignalError said.
func (o *Observer) Failure() Failure {
	return o.failure
}

// Usage is what the stream has told so far.
func (o *Observer) Usage() Usage {
	return o.usage.normal(o.api)
}

// EstimatedOutput is how many tokens of output have passed: what the vendor has counted, and one for every four bytes of
// text, thinking and arguments of tools that came after that. It is for streams that end before their usage: thinking that
// the vendor keeps to itself is not in it, and neither are pictures and sound.
func (o *Observer) EstimatedOutput() int64 {
	return o.Usage().Output + (o.passed+streamTokenBytes-1)/streamTokenBytes
}

// Ended reports whether the stream came to a clean end and did not fail: [DONE] or every choice's finish_reason in
// OpenAI chat and completions, message_stop, response.completed or response.incomplete, every Gemini candidate's
// finishReason or a blocked prompt.
func (o *Observer) Ended() bool {
	return o.ended && !o.failed
}

// FinishReason is why the answer ended, in the upstream's own words; "" while that is not known.
func (o *Observer) FinishReason() string {
	return getString(o.finish)
}

// ResponseID is the upstream's id of the answer; "" while that is not known.
func (o *Observer) ResponseID() string {
	return getString(o.id)
}

// Model is the model that the upstream says it ran; "" while that is not known.
func (o *Observer) Model() string {
	return getString(o.model)
}

// fail notes what a failure's data says.
func (o *Observer) fail(data []byte) Signal {
	o.failed = true
	o.failure = DecodeFailure(o.api.Dialect(), 0, data)
	return SignalError
}

// doneEnds reports whether [DONE] closes streams of the API; the others have an event of their own for that.
func (o *Observer) doneEnds() bool {
	switch o.api {
	case OpenAIResponses, AnthropicMessages, GeminiGenerate:
		return false
	default:
		return true
	}
}

// streamDone reports whether data is OpenAI's closing mark. Its SDKs look at the prefix only.
func streamDone(data []byte) bool {
	return bytes.HasPrefix(data, []byte("[DONE]"))
}

// streamNote keeps the first text that is not empty: the id and the model do not change within an answer.
func streamNote(dst *[]byte, raw []byte) {
	if len(*dst) == 0 && len(raw) > 0 {
		*dst = append((*dst)[:0], raw...)
	}
}

// note keeps the finish reason, of which the last one counts.
func (o *Observer) note(raw []byte) {
	if len(raw) > 0 {
		o.finish = append(o.finish[:0], raw...)
	}
}

// choose notes that a choice of that index was seen, and whether it is closed. Choices past 64 are not told apart:
// no vendor sells that many.
func (o *Observer) choose(index int64, closed bool) {
	bit := uint64(1) << min(index, 63)
	o.seen |= bit
	if closed {
		o.closed |= bit
	}
	o.ended = o.seen == o.closed
}
