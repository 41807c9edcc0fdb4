package catalog

import (
	"sync"

	"github.com/tiktoken-go/tokenizer"
)

const (
	// exactBytes is how much of a text is counted token by token; the rest is estimated from this part. Counting costs about
	// a microsecond for ten bytes, so this bounds it to milliseconds.
	exactBytes = 32 << 10
	// bytesPerToken is the average of English prose, used where the tokenizer cannot be loaded.
	bytesPerToken = 4
)

// vocabulary is that of current OpenAI models, which is near enough for others. It is loaded when the first text is
// counted: it takes megabytes, and few policies count.
//
//nolint:gochecknoglobals // a constant table, which Go cannot write as a constant
var vocabulary = sync.OnceValue(func() tokenizer.Codec {
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		return nil
	}
	return codec
})

// CountTokens estimates how many tokens a model makes of a text.
func CountTokens(text string) int64 {
	part := text
	if len(part) > exactBytes {
		part = part[:exactBytes]
	}
	n := count(part)
	if rest := len(text) - len(part); rest > 0 {
		n += int64(float64(n) / float64(len(part)) * float64(rest))
	}
	return n
}

func count(text string) int64 {
	if codec := vocabulary(); codec != nil {
		if n, err := codec.Count(text); err == nil {
			return int64(n)
		}
	}
	return int64(len(text)+bytesPerToken-1) / bytesPerToken
}
