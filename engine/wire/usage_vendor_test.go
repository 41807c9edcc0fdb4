package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The shapes that vendors document for whole answers, with what each of them charges for.
func TestReadUsageOfVendors(t *testing.T) {
	tests := []struct {
		name, body string
		api        API
		want       Usage
	}{
		{
			"openai chat with sound", `{"service_tier":"default","usage":{"prompt_tokens":120,"completion_tokens":90,"total_tokens":210,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":40,"image_tokens":5},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":70,"text_tokens":20,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}`,
			OpenAIChat,
			Usage{Input: 120, Output: 90, InputAudio: 40, InputImage: 5, OutputAudio: 70, Known: true},
		},
		{
			"openai flex", `{"service_tier":"flex","usage":{"prompt_tokens":1,"completion_tokens":2}}`, OpenAIChat,
			Usage{Input: 1, Output: 2, Tier: TierFlex, Known: true},
		},
		{
			"openai priority", `{"usage":{"prompt_tokens":1,"completion_tokens":2},"service_tier":"priority"}`, OpenAIChat,
			Usage{Input: 1, Output: 2, Tier: TierPriority, Known: true},
		},
		{
			"openai ultrafast", `{"usage":{"input_tokens":1,"output_tokens":2},"service_tier":"ultrafast"}`, OpenAIResponses,
			Usage{Input: 1, Output: 2, Tier: TierOther, Known: true},
		},
		{
			"openai responses with tools", `{"id":"resp_1","service_tier":"fast","output":[
				{"type":"reasoning","summary":[]},
				{"type":"web_search_call","status":"completed","action":{"type":"search","query":"q"}},
				{"type":"web_search_call","status":"completed","action":{"type":"open_page","url":"u"}},
				{"type":"web_search_call","status":"completed"},
				{"type":"code_interpreter_call","container_id":"c"},{"type":"code_interpreter_call","container_id":"c"},
				{"type":"file_search_call","queries":["a"]},
				{"type":"message","content":[{"type":"output_text","text":"\"type\":\"web_search_call\""}]}],
				"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":0},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":14}}`,
			OpenAIResponses,
			Usage{Input: 9, Output: 5, CacheRead: 4, Reasoning: 3, WebSearches: 2, CodeRuns: 1, FileSearches: 1, Tier: TierPriority, Known: true},
		},
		{"output of another API is no list of tools", `{"output":[{"type":"web_search_call"}],"usage":{"prompt_tokens":1}}`, OpenAIChat, Usage{Input: 1, Known: true}},
		{
			"openai images", `{"created":1,"data":[{"b64_json":"aa"},{"b64_json":"bb"}],"usage":{"total_tokens":100,"input_tokens":50,"output_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}`,
			OpenAIImages,
			Usage{Input: 50, Output: 50, InputImage: 40, Images: 2, Known: true},
		},
		{
			"openai images with both details", `{"data":[{}],"usage":{"input_tokens":50,"output_tokens":60,"output_tokens_details":{"image_tokens":50,"text_tokens":10}}}`,
			OpenAIImages,
			Usage{Input: 50, Output: 60, OutputImage: 50, Images: 1, Known: true},
		},
		{"images without usage", `{"created":1,"data":[{"url":"u"},{"url":"v"},{"url":"w"}]}`, OpenAIImages, Usage{Images: 3, Known: true}},
		{
			"openai transcription", `{"text":"la","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}`,
			OpenAITranscriptions,
			Usage{Input: 14, Output: 45, InputAudio: 14, Known: true},
		},
		{
			"anthropic", `{"type":"message","usage":{"input_tokens":5,"cache_creation_input_tokens":30,"cache_read_input_tokens":100,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":15,"server_tool_use":{"web_search_requests":3,"web_fetch_requests":1},"service_tier":"standard","inference_geo":"not_available"}}`,
			AnthropicMessages,
			Usage{Input: 135, Output: 15, CacheRead: 100, CacheWrite: 30, CacheWriteHour: 20, WebSearches: 3, Known: true},
		},
		{
			"anthropic with the parts of the cache only", `{"usage":{"input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":1}}`,
			AnthropicMessages,
			Usage{Input: 35, Output: 1, CacheWrite: 30, CacheWriteHour: 20, Known: true},
		},
		{
			"anthropic with reserved capacity", `{"usage":{"input_tokens":5,"output_tokens":1,"service_tier":"priority"}}`, AnthropicMessages,
			Usage{Input: 5, Output: 1, Known: true},
		},
		{
			"anthropic batch", `{"usage":{"input_tokens":5,"output_tokens":1,"service_tier":"batch"}}`, AnthropicMessages,
			Usage{Input: 5, Output: 1, Tier: TierBatch, Known: true},
		},
		{
			"anthropic fast mode", `{"usage":{"input_tokens":5,"output_tokens":1,"service_tier":"standard","speed":"fast"}}`, AnthropicMessages,
			Usage{Input: 5, Output: 1, Tier: TierPriority, Known: true},
		},
		{
			"gemini with sound and a cache", `{"candidates":[{"content":{"parts":[{"text":"a"}]},"groundingMetadata":{"webSearchQueries":["a","b"],"searchEntryPoint":{}}}],"usageMetadata":{"promptTokenCount":200,"candidatesTokenCount":30,"thoughtsTokenCount":20,"cachedContentTokenCount":80,"toolUsePromptTokenCount":7,"totalTokenCount":257,"promptTokensDetails":[{"modality":"TEXT","tokenCount":100},{"modality":"AUDIO","tokenCount":90},{"modality":"IMAGE","tokenCount":10}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":60},{"modality":"TEXT","tokenCount":20}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":25},{"modality":"TEXT","tokenCount":5}],"trafficType":"ON_DEMAND"}}`,
			GeminiGenerate,
			Usage{Input: 207, Output: 50, CacheRead: 80, Reasoning: 20, InputAudio: 30, InputImage: 10, OutputImage: 25, WebSearches: 2, Known: true},
		},
		{
			"gemini priority on Vertex", `{"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"trafficType":"ON_DEMAND_PRIORITY"}}`, GeminiGenerate,
			Usage{Input: 1, Output: 1, Tier: TierPriority, Known: true},
		},
		{
			"openrouter: what it says it charged is not read", `{"usage":{"prompt_tokens":194,"completion_tokens":2,"total_tokens":196,"cost":0.95,"is_byok":false,"cost_details":{"upstream_inference_cost":19},"prompt_tokens_details":{"cached_tokens":10,"cache_write_tokens":5,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"image_tokens":1},"server_tool_use":{"web_search_requests":1}}}`,
			OpenAIChat,
			Usage{Input: 194, Output: 2, CacheRead: 10, CacheWrite: 5, OutputImage: 1, WebSearches: 1, Known: true},
		},
		{
			"xai", `{"usage":{"input_tokens":125,"output_tokens":48,"total_tokens":173,"input_tokens_details":{"cached_tokens":98},"output_tokens_details":{"reasoning_tokens":0},"num_server_side_tools_used":4,"server_side_tool_usage_details":{"web_search_calls":2,"x_search_calls":1,"code_interpreter_calls":1,"file_search_calls":0,"mcp_calls":0},"cost_in_usd_ticks":37756000}}`,
			OpenAIResponses,
			Usage{Input: 125, Output: 48, CacheRead: 98, WebSearches: 3, CodeRuns: 1, Known: true},
		},
		{
			"perplexity", `{"usage":{"prompt_tokens":14,"completion_tokens":9,"total_tokens":23,"search_context_size":"low","cost":{"total_cost":0.005}}}`, OpenAIChat,
			Usage{Input: 14, Output: 9, WebSearches: 1, Known: true},
		},
		{
			"perplexity deep research", `{"usage":{"prompt_tokens":14,"completion_tokens":9,"num_search_queries":18,"reasoning_tokens":0}}`, OpenAIChat,
			Usage{Input: 14, Output: 9, WebSearches: 18, Known: true},
		},
		{
			"groq", `{"usage":{"queue_time":0.1,"prompt_tokens":18,"prompt_time":0.0006,"completion_tokens":5,"total_tokens":23},"x_groq":{"id":"r"},"service_tier":"on_demand"}`,
			OpenAIChat,
			Usage{Input: 18, Output: 5, Known: true},
		},
		{"moonshot", `{"usage":{"prompt_tokens":19,"completion_tokens":13,"total_tokens":32,"cached_tokens":10}}`, OpenAIChat, Usage{Input: 19, Output: 13, CacheRead: 10, Known: true}},
		{"whisper", `{"text":"la","usage":{"type":"duration","seconds":8.2}}`, OpenAITranscriptions, Usage{Seconds: 9, Known: true}},
		{"seconds that are none", `{"usage":{"seconds":"8","prompt_audio_seconds":{}}}`, OpenAITranscriptions, Usage{}},
		{"seconds below nothing", `{"usage":{"seconds":-8.5}}`, OpenAITranscriptions, Usage{}},
		{"seconds without end", `{"usage":{"seconds":1e300}}`, OpenAITranscriptions, Usage{Seconds: getMaxInt, Known: true}},
		{
			"mistral with sound", `{"usage":{"prompt_audio_seconds":203,"prompt_tokens":4,"total_tokens":3264,"completion_tokens":635}}`, OpenAIChat,
			Usage{Input: 4, Output: 635, Seconds: 203, Known: true},
		},
		{
			"nonsense", `{"service_tier":7,"output":{"type":"web_search_call"},"usage":{"prompt_tokens":1,"server_tool_use":[1],"cache_creation":null,"prompt_tokens_details":"x","promptTokensDetails":{"modality":"AUDIO"},"speed":null}}`,
			OpenAIResponses,
			Usage{Input: 1, Known: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, complete := ReadUsage(tt.api, []byte(tt.body))
			if diff := cmp.Diff(tt.want, got); diff != "" || !complete {
				t.Errorf("complete %v (-want +got):\n%s", complete, diff)
			}
		})
	}
}

// Streams tell the same as whole answers, in parts.
func TestObserverReadsWhatCosts(t *testing.T) {
	tests := []struct {
		name, stream string
		api          API
		want         Usage
	}{
		{
			"chat", sse(
				`{"choices":[{"index":0,"delta":{"content":"a"}}],"service_tier":"flex"}`,
				`{"choices":[],"service_tier":"flex","usage":{"prompt_tokens":5,"completion_tokens":6,"completion_tokens_details":{"audio_tokens":2}}}`, `[DONE]`,
			),
			OpenAIChat,
			Usage{Input: 5, Output: 6, OutputAudio: 2, Tier: TierFlex, Known: true},
		},
		{
			"responses: the tier that served counts, not the one that was asked for", typed(
				`{"type":"response.created","response":{"id":"r","service_tier":"priority","output":[]}}`,
				`{"type":"response.output_item.done","item":{"type":"web_search_call","action":{"type":"search"}}}`,
				`{"type":"response.completed","response":{"service_tier":"default","output":[{"type":"web_search_call","action":{"type":"search"}}],"usage":{"input_tokens":5,"output_tokens":6}}}`,
			),
			OpenAIResponses,
			Usage{Input: 5, Output: 6, WebSearches: 1, Known: true},
		},
		{
			"responses that are cut after their tools", typed(
				`{"type":"response.output_item.done","item":{"type":"web_search_call","action":{"type":"search"}}}`,
				`{"type":"response.output_item.done","item":{"type":"web_search_call","action":{"type":"search"}}}`,
				`{"type":"response.output_item.done","item":{"type":"file_search_call"}}`,
			),
			OpenAIResponses,
			Usage{WebSearches: 2, FileSearches: 1},
		},
		{
			"anthropic", typed(
				`{"type":"message_start","message":{"usage":{"input_tokens":3,"cache_creation_input_tokens":8,"cache_creation":{"ephemeral_1h_input_tokens":8},"output_tokens":1}}}`,
				`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9,"server_tool_use":{"web_search_requests":2}}}`,
				`{"type":"message_stop"}`,
			),
			AnthropicMessages,
			Usage{Input: 11, Output: 9, CacheWrite: 8, CacheWriteHour: 8, WebSearches: 2, Known: true},
		},
		{
			"gemini", sse(
				`{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1}}`,
				`{"candidates":[{"finishReason":"STOP","groundingMetadata":{"webSearchQueries":["q"]}}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":4,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":3}]}}`,
			),
			GeminiGenerate,
			Usage{Input: 5, Output: 4, InputAudio: 3, WebSearches: 1, Known: true},
		},
		{
			"two pictures", typed(`{"type":"image_generation.completed","b64_json":"a"}`, `{"type":"image_generation.completed","b64_json":"b"}`), OpenAIImages,
			Usage{Images: 2, Known: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := observe(t, tt.api, tt.stream)
			if diff := cmp.Diff(tt.want, o.Usage()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func observe(t *testing.T, api API, stream string) *Observer {
	t.Helper()
	o := &Observer{}
	o.Reset(api)
	s := NewSplitter(FrameSSE, 0)
	s.Feed([]byte(stream))
	var ev Event
	for {
		ok, err := s.Next(&ev)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return o
		}
		o.Observe(&ev)
	}
}

func TestEstimatedOutput(t *testing.T) {
	const forty = "Forty bytes of text are ten tokens here."
	tests := []struct {
		name, stream string
		api          API
		want         int64
	}{
		{"nothing", "", OpenAIChat, 0},
		{"chat", sse(`{"choices":[{"delta":{"role":"assistant","content":""}}]}`, `{"choices":[{"delta":{"content":"`+forty+`"}}]}`, `{"choices":[{"delta":{"content":"!"}}]}`), OpenAIChat, 11},
		{"chat with thinking under two names", sse(`{"choices":[{"delta":{"reasoning":"` + forty + `","reasoning_content":"` + forty + `"}}]}`), OpenAIChat, 10},
		{"chat with a tool", sse(`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_0123456789012345678901","type":"function","function":{"name":"read","arguments":"{\"path\":\"a.go\"}  "}}]}}]}`), OpenAIChat, 6},
		{"chat with choices", sse(`{"choices":[{"index":0,"delta":{"content":"` + forty + `"}},{"index":1,"delta":{"content":"` + forty + `"}}]}`), OpenAIChat, 20},
		{"chat that was counted", sse(`{"choices":[{"delta":{"content":"`+forty+`"}}]}`, `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":7}}`), OpenAIChat, 7},
		{"chat that counts as it goes", sse(`{"choices":[{"delta":{"content":"`+forty+`"}}],"usage":{"completion_tokens":7}}`, `{"choices":[{"delta":{"content":"four"}}]}`), OpenAIChat, 8},
		{"sound is no text", sse(`{"choices":[{"delta":{"audio":{"data":"` + forty + `"}}}]}`), OpenAIChat, 0},
		{"completions", sse(`{"choices":[{"text":"` + forty + `"}]}`), OpenAICompletions, 10},
		{"escapes", sse(`{"choices":[{"delta":{"content":"\n\n\u4f60\u597d"}}]}`), OpenAIChat, 2},
		{
			"responses", typed(`{"type":"response.output_text.delta","delta":"`+forty+`"}`, `{"type":"response.function_call_arguments.delta","delta":"`+forty+`"}`,
				`{"type":"response.reasoning_summary_text.delta","delta":"`+forty+`"}`, `{"type":"response.audio.delta","delta":"`+forty+`"}`, `{"type":"response.output_text.done","text":"`+forty+`"}`),
			OpenAIResponses, 30,
		},
		{
			"anthropic", typed(`{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}`,
				`{"type":"content_block_start","content_block":{"type":"tool_use","id":"toolu_01","name":"read","input":{}}}`,
				`{"type":"content_block_delta","delta":{"type":"text_delta","text":"`+forty+`"}}`, `{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"`+forty+`"}}`,
				`{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"`+forty+`"}}`, `{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"`+forty+`"}}`),
			AnthropicMessages, 1 + 31,
		},
		{
			"gemini counts as it goes", sse(`{"candidates":[{"content":{"parts":[{"text":"` + forty + `"}]}}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":8,"thoughtsTokenCount":3}}`),
			GeminiGenerate, 11,
		},
		{
			"gemini", sse(`{"candidates":[{"content":{"parts":[{"text":"`+forty+`","thoughtSignature":"`+forty+`"},{"functionCall":{"name":"read","args":{"path":"abcd"}}}]}}]}`, `{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"`+forty+`"}}]}}]}`),
			GeminiGenerate, 12,
		},
		{"a long text", sse(`{"choices":[{"delta":{"content":"` + strings.Repeat(forty, 100) + `"}}]}`), OpenAIChat, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := observe(t, tt.api, tt.stream)
			if got := o.EstimatedOutput(); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			o.Reset(tt.api)
			if got := o.EstimatedOutput(); got != 0 {
				t.Errorf("got %d after a reset, want 0", got)
			}
		})
	}
}
