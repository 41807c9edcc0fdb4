package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// scanChatBody is a chat request of about the given size: messages with line ends, quotes and some text that is not ASCII.
func scanChatBody(tb testing.TB, size int) []byte {
	tb.Helper()
	var b bytes.Buffer
	b.WriteString(`{"model":"openai/gpt-4.1-mini","messages":[{"role":"system","content":"You are a careful assistant."}`)
	for i := 0; b.Len() < size-400; i++ {
		text := "Explain step " + strconv.Itoa(i) + " of the plan:\n1. Read the \"file\" – twice.\n2. Say what changed and why it was needed. " +
			strings.Repeat("The quick brown fox jumps over the lazy dog. ", 2+i%7)
		if room := size - 400 - b.Len(); len(text) > room {
			text = text[:max(room, 20)]
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&b, `,{"role":%q,"content":%s}`, []string{"user", "assistant"}[i%2], quoted)
	}
	b.WriteString(`],"temperature":0.7,"top_p":1,"max_completion_tokens":512,"stream":true,"stream_options":{"include_usage":true},`)
	b.WriteString(`"user":"u-123456","tools":[{"type":"function","function":{"name":"get_weather","description":"Weather by city",`)
	b.WriteString(`"parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]}`)
	return b.Bytes()
}

func BenchmarkScan(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		chat := scanChatBody(b, size)
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, chat, "", "  "); err != nil {
			b.Fatal(err)
		}
		bodies := []struct {
			name string
			body []byte
		}{
			{"chat", chat},
			{"prose", []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("All in plain words, ", size/20) + `"}]}`)},
			{"pretty", pretty.Bytes()},
			{"chinese", []byte(`{"model":"m","prompt":"` + strings.Repeat("请用中文解释这个问题", size/30) + `"}`)},
			{"floats", []byte(`{"model":"m","input":[` + strings.Repeat("-0.01234567,", size/12) + `0]}`)},
		}
		for _, body := range bodies {
			b.Run(fmt.Sprintf("%s/%dKB", body.name, size>>10), func(b *testing.B) {
				var d Doc
				b.SetBytes(int64(len(body.body)))
				b.ReportAllocs()
				for b.Loop() {
					if p := d.Scan(body.body); p != nil {
						b.Fatal(p)
					}
				}
			})
		}
	}
}

func BenchmarkPeek(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		body := scanChatBody(b, size)
		b.Run(fmt.Sprintf("read/%dKB", size>>10), func(b *testing.B) {
			var p Peek
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if problem := p.Read(OpenAIChat, body); problem != nil {
					b.Fatal(problem)
				}
			}
		})
		var p Peek
		if problem := p.Read(OpenAIChat, body); problem != nil {
			b.Fatal(problem)
		}
		b.Run(fmt.Sprintf("splice/%dKB", size>>10), func(b *testing.B) {
			edits := []Edit{{Key: "model", Value: []byte(`"gpt-4.1-mini"`)}, {Key: "user", Op: EditDelete}}
			dst := make([]byte, 0, 2*len(body))
			b.ReportAllocs()
			for b.Loop() {
				dst = p.Doc.Splice(dst[:0], edits)
			}
		})
		b.Run(fmt.Sprintf("texts/%dKB", size>>10), func(b *testing.B) {
			total := 0
			b.ReportAllocs()
			for b.Loop() {
				p.Texts(OpenAIChat, func(text string) bool { total += len(text); return true })
			}
		})
	}
}
