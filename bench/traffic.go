package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// Size is that of a request body and of a whole answer: a short chat.
const Size = 1024

// UserPrefix is in front of the number of the client in the member "user" of a request body. The provider finds by it
// which client waits for its stream.
const UserPrefix = `"user":"bench-`

// Path is what is asked for.
const Path = "/v1/chat/completions"

// ChatBody is a chat request of Size bytes from the client with this number.
func ChatBody(client int, stream bool) []byte {
	tail := fmt.Sprintf(`"}],"temperature":0.7,"stream":%t,%s%04d"}`, stream, UserPrefix, client)
	return pad(`{"model":"bench-1","messages":[{"role":"system","content":"You answer in one sentence."},{"role":"user","content":"`, tail)
}

// ClientOf finds the number of the client in a request body.
func ClientOf(body string) (client int, ok bool) {
	_, rest, found := strings.Cut(body, UserPrefix)
	if !found || len(rest) < 4 {
		return 0, false
	}
	client, err := strconv.Atoi(rest[:4])
	return client, err == nil
}

// Answer is a whole answer of Size bytes.
func Answer() []byte {
	return pad(`{"id":"chatcmpl-bench","object":"chat.completion","created":1760000000,"model":"bench-1","choices":[{"index":0,"message":`+
		`{"role":"assistant","content":"`,
		`"},"finish_reason":"stop"}],"usage":{"prompt_tokens":180,"completion_tokens":120,"total_tokens":300}}`)
}

func pad(head, tail string) []byte {
	const filler = "the quick brown fox jumps over the lazy dog "
	room := Size - len(head) - len(tail)
	return []byte(head + strings.Repeat(filler, room/len(filler)+1)[:room] + tail)
}

// Stream is the events of a streamed answer with n pieces of content, cut as a provider writes them: the role goes with
// the first piece, the end with the last.
func Stream(n int) [][]byte {
	event := func(delta, finish string) string {
		return `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1760000000,"model":"bench-1",` +
			`"choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + finish + "}]}\n\n"
	}
	out := make([][]byte, n)
	for i := range out {
		text := event(`{"content":" token`+strconv.Itoa(i%10)+`"}`, "null")
		if i == 0 {
			text = event(`{"role":"assistant","content":""}`, "null") + text
		}
		if i == n-1 {
			text += event(`{}`, `"stop"`) + "data: [DONE]\n\n"
		}
		out[i] = []byte(text)
	}
	return out
}
