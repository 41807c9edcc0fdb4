package engine

import (
	"fmt"

	"weir/engine/catalog"
)

const (
	// exactBytes is how much text is counted token by token; of longer text the rest is estimated from this part. Counting
	// costs about a microsecond for ten bytes, so this bounds it to milliseconds.
	exactBytes = 32 << 10
	// imageTokens is what a picture of common size costs at the large vendors.
	imageTokens = 765
	// messageTokens is the framing of a conversation.
	messageTokens = 3
)

// inputTokens estimates the input tokens of the request, once.
func (x *Exchange) inputTokens() int64 {
	if x.estimate >= 0 {
		return x.estimate
	}
	var tokens, counted, skipped int64
	x.Request.Peek.Texts(x.Request.API, func(text string) bool {
		room := exactBytes - counted
		if room <= 0 {
			skipped += int64(len(text))
			return true
		}
		part := text
		if int64(len(part)) > room {
			part = part[:room]
			skipped += int64(len(text)) - room
		}
		tokens += catalog.CountTokens(part)
		counted += int64(len(part))
		return true
	})
	if skipped > 0 {
		tokens += int64(float64(tokens) / float64(max(counted, 1)) * float64(skipped))
	}
	tokens += int64(x.Request.Peek.Images(x.Request.API)) * imageTokens
	x.estimate = tokens + messageTokens
	return x.estimate
}

// checkInput applies the route's limits before any model is chosen.
func (r *route) checkInput(x *Exchange) error {
	if err := x.checkStored(); err != nil {
		return err
	}
	limit := r.cfg.MaxInputTokens
	if limit <= 0 {
		return nil
	}
	if n := x.inputTokens(); n > limit {
		return &Error{Code: CodeInputTooLarge, Message: fmt.Sprintf("input too large: about %d tokens, the limit is %d", n, limit)}
	}
	return nil
}
