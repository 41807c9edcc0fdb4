package wire

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestReadUsage(t *testing.T) {
	tests := []struct {
		name, body string
		api        API
		want       Usage
	}{
		{
			"chat", `{"id":"x","choices":[{"message":{"content":"{\"usage\":1}"}}],"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":6},"completion_tokens_details":{"reasoning_tokens":2}}}`,
			OpenAIChat,
			Usage{Input: 10, Output: 4, CacheRead: 6, Reasoning: 2, Known: true},
		},
		{
			"deepseek cache", `{"usage":{"prompt_tokens":10,"completion_tokens":4,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2}}`,
			OpenAIChat,
			Usage{Input: 10, Output: 4, CacheRead: 8, Known: true},
		},
		{
			"responses", `{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":3}}}`,
			OpenAIResponses,
			Usage{Input: 9, Output: 5, CacheRead: 4, CacheWrite: 2, Reasoning: 3, Known: true},
		},
		{
			"anthropic", `{"type":"message","usage":{"input_tokens":5,"cache_creation_input_tokens":7,"cache_read_input_tokens":100,"cache_creation":{"ephemeral_5m_input_tokens":7},"output_tokens":15}}`,
			AnthropicMessages,
			Usage{Input: 112, Output: 15, CacheRead: 100, CacheWrite: 7, Known: true},
		},
		{
			"gemini", `{"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":3,"thoughtsTokenCount":20,"cachedContentTokenCount":4,"totalTokenCount":31}}`,
			GeminiGenerate,
			Usage{Input: 8, Output: 23, CacheRead: 4, Reasoning: 20, Known: true},
		},
		{
			"embeddings", `{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":8,"total_tokens":8}}`,
			OpenAIEmbeddings,
			Usage{Input: 8, Known: true},
		},
		{"rerank with a total", `{"results":[],"usage":{"total_tokens":38}}`, OpenAIRerank, Usage{Input: 38, Known: true}},
		{
			"rerank of cohere", `{"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1},"tokens":{"input_tokens":40,"output_tokens":0}}}`,
			OpenAIRerank,
			Usage{Input: 40, Known: true},
		},
		{"rerank in search units", `{"meta":{"billed_units":{"search_units":1}}}`, OpenAIRerank, Usage{}},
		{"transcription by time", `{"text":"la","usage":{"type":"duration","seconds":9}}`, OpenAITranscriptions, Usage{Seconds: 9, Known: true}},
		{"none", `{"object":"list"}`, OpenAIChat, Usage{}},
		{"null", `{"usage":null}`, OpenAIChat, Usage{}},
		{
			"nonsense", `{"usage":{"prompt_tokens":-5,"completion_tokens":1e30,"total_tokens":"7"}}`,
			OpenAIChat,
			Usage{Output: getMaxInt, Known: true},
		},
		{"not json", `oops`, OpenAIChat, Usage{}},
		{"cut", `{"usage":{"prompt_tokens":`, OpenAIChat, Usage{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, complete := ReadUsage(tt.api, []byte(tt.body))
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if want := json.Valid([]byte(tt.body)); complete != want {
				t.Errorf("got complete %v, want %v", complete, want)
			}
		})
	}
}

func TestReadUsageSaysWhetherTheBodyIsComplete(t *testing.T) {
	const whole = ` {"a":{"b":[1,-0.5e3,"x\u00e9\"",true,null]},"usage":{"prompt_tokens":1},"meta":{"tokens":{"input_tokens":1}}} `
	tests := []struct {
		name, body string
		want       bool
	}{
		{"whole", whole, true},
		{"blanks that kept the connection alive", "\n \n\r\n" + whole + "\n", true},
		{"a byte order mark", "\uFEFF" + whole, true},
		{"an array, as some rerankers answer", `[{"index":0,"score":0.5}]`, true},
		{"a lone half of a pair", `{"text":"\ud83d"}`, true},
		{"not UTF-8", "{\"text\":\"\xff\"}", true},
		{"nothing", "", false},
		{"blanks", " \n", false},
		{"only a byte order mark", "\uFEFF", false},
		{"a page", "<!DOCTYPE html><html></html>", false},
		{"an event", "data: {}\n\n", false},
		{"two documents", `{}{}`, false},
		{"a tail", `{"usage":{}} x`, false},
		{"a key without quotes", `{a:1}`, false},
		{"a comma too many", `{"a":1,}`, false},
		{"a line end inside a text", "{\"a\":\"b\nc\"}", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, got := ReadUsage(OpenAIChat, []byte(tt.body)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	trimmed := strings.TrimSpace(whole)
	for n := range len(trimmed) {
		if _, got := ReadUsage(OpenAIRerank, []byte(trimmed[:n])); got {
			t.Errorf("got complete for %q, which ends half-way", trimmed[:n])
		}
	}
}

func TestStripUsage(t *testing.T) {
	tests := []struct {
		name, event, want string
		drop              bool
	}{
		{"usage alone", "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n", "", true},
		{"usage without choices", "data: {\"usage\":{\"prompt_tokens\":1}}\n\n", "", true},
		{"last member", "data: {\"choices\": [{}] , \"usage\": null }\r\n\r\n", "data: {\"choices\": [{}]  }\r\n\r\n", false},
		{"first member", "data: {\"usage\":null, \"choices\":[{}]}\n\n", "data: {\"choices\":[{}]}\n\n", false},
		{"member between", ": c\ndata:{\"a\":1,\"usage\":{\"b\":[1,2]},\"choices\":[{}]}\n\n", ": c\ndata:{\"a\":1,\"choices\":[{}]}\n\n", false},
		{"filter results stay", "data: {\"choices\":[],\"usage\":null,\"prompt_filter_results\":[]}\n\n", "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n", false},
		{"errors stay", "data: {\"choices\":[],\"usage\":{\"a\":1},\"error\":{\"code\":1}}\n\n", "data: {\"choices\":[],\"error\":{\"code\":1}}\n\n", false},
		{"deeper usage stays", "data: {\"choices\":[{\"usage\":{\"a\":1}}]}\n\n", "data: {\"choices\":[{\"usage\":{\"a\":1}}]}\n\n", false},
		{"text stays", "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":1\"}}]}\n\n", "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":1\"}}]}\n\n", false},
		{"several lines", "event: x\ndata: {\"choices\":[{}],\ndata: \"usage\":\ndata: null}\n\n", "event: x\ndata: {\"choices\":[{}]}\n\n", false},
		{"done", "data: [DONE]\n\n", "data: [DONE]\n\n", false},
		{"comment", ": hi\n\n", ": hi\n\n", false},
		{"malformed", "data: {\"usage\":1,\n\n", "data: {\"usage\":1,\n\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewSplitter(FrameSSE, 0)
			s.Feed([]byte(tt.event))
			var ev Event
			if ok, err := s.Next(&ev); !ok || err != nil {
				t.Fatalf("got %v, %v, want an event", ok, err)
			}
			out, drop := StripUsage([]byte("kept"), &ev)
			if string(out) != "kept"+tt.want || drop != tt.drop {
				t.Errorf("got %q, %v, want %q, %v", out, drop, "kept"+tt.want, tt.drop)
			}
		})
	}
}

func TestReadFacts(t *testing.T) {
	tests := []struct {
		name, body, id, model, finish string
		api                           API
	}{
		{"chat", `{"id":"c1","object":"chat.completion","model":"gpt-x","choices":[{"message":{"id":"no"},"finish_reason":"stop"},{"finish_reason":"length"}]}`, "c1", "gpt-x", "stop", OpenAIChat},
		{"escapes", `{"\u0069d":"a\/b","model":"m\u00e9"}`, "a/b", "mé", "", OpenAIChat},
		{"anthropic", `{"id":"msg_1","model":"claude-x","stop_reason":"end_turn"}`, "msg_1", "claude-x", "end_turn", AnthropicMessages},
		{"responses", `{"id":"resp_1","model":"gpt-x","status":"completed","incomplete_details":null}`, "resp_1", "gpt-x", "completed", OpenAIResponses},
		{"incomplete", `{"id":"resp_1","status":"incomplete","incomplete_details":{"reason":"content_filter"}}`, "resp_1", "", "content_filter", OpenAIResponses},
		{"gemini", `{"candidates":[{"finishReason":"STOP"}],"modelVersion":"gemini-x","responseId":"r1"}`, "r1", "gemini-x", "STOP", GeminiGenerate},
		{"gemini blocked", `{"promptFeedback":{"blockReason":"SAFETY"}}`, "", "", "SAFETY", GeminiGenerate},
		{"other kinds", `{"id":7,"model":null,"choices":{}}`, "", "", "", OpenAIChat},
		{"not json", `nope`, "", "", "", OpenAIChat},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := []byte(tt.body)
			if got := ReadResponseID(body); got != tt.id {
				t.Errorf("got id %q, want %q", got, tt.id)
			}
			if got := ReadModel(body); got != tt.model {
				t.Errorf("got model %q, want %q", got, tt.model)
			}
			if got := ReadFinishReason(tt.api, body); got != tt.finish {
				t.Errorf("got finish reason %q, want %q", got, tt.finish)
			}
		})
	}
}

func BenchmarkReadUsage(b *testing.B) {
	const usage = `"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":6}}}`
	prose := strings.Repeat(`All in plain words,\n \"quoted\" and – not ASCII. `, 20)
	const head = `{"id":"chatcmpl-1","object":"chat.completion","created":1760000000,"model":"m",`
	bodies := []struct {
		name, body string
		api        API
	}{
		{"chat/1KB", head + `"choices":[{"index":0,"message":{"role":"assistant","content":"` + prose + `","refusal":null},"finish_reason":"stop"}],` + usage, OpenAIChat},
		{"chat/100KB", head + `"choices":[{"index":0,"message":{"role":"assistant","content":"` + strings.Repeat(prose, 90) + `","refusal":null},"finish_reason":"stop"}],` + usage, OpenAIChat},
		{"logprobs/100KB", head + `"choices":[{"index":0,"logprobs":{"content":[` + strings.Repeat(`{"token":"a","logprob":-0.0123,"bytes":[97],"top_logprobs":[]},`, 1600) + `{}]}}],` + usage, OpenAIChat},
		{"floats/100KB", `{"object":"list","data":[{"embedding":[` + strings.Repeat("-0.01234567,", 8000) + `0]}],"usage":{"prompt_tokens":8,"total_tokens":8}}`, OpenAIEmbeddings},
	}
	for _, bb := range bodies {
		b.Run(bb.name, func(b *testing.B) {
			body := []byte(bb.body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				ReadUsage(bb.api, body)
			}
		})
	}
}
