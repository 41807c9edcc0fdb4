package wire

import (
	"errors"
	"testing"
)

func rewriteResponsesCases() []rewriteCase {
	const at = `"item_id":"msg_1","output_index":0,"content_index":0`
	return []rewriteCase{
		{name: "text", api: OpenAIResponses, in: typed(
			`{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","output":[],"instructions":"be secret","text":{"format":{"type":"text"}},"tools":[]}}`,
			`{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[]}}`,
			`{"type":"response.content_part.added","sequence_number":2,`+at+`,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}`,
			`{"type":"response.output_text.delta","sequence_number":3,`+at+`,"delta":"my sec","logprobs":[{"token":"my"}],"obfuscation":"x"}`,
			`{"type":"response.output_text.delta","sequence_number":4,`+at+`,"delta":"ret sec","logprobs":[]}`,
			`{"type":"response.output_text.done","sequence_number":5,`+at+`,"text":"my secret sec","logprobs":[{"token":"my"}]}`,
			`{"type":"response.content_part.done","sequence_number":6,`+at+`,"part":{"type":"output_text","text":"my secret sec","annotations":[{"type":"url_citation","title":"secret"}]}}`,
			`{"type":"response.output_item.done","sequence_number":7,"output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"my secret sec"}]}}`,
			`{"type":"response.completed","sequence_number":8,"response":{"id":"resp_1","status":"completed","output":[{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","logprobs":[{"token":"my"}],"text":"my secret sec"}]}],"usage":{"input_tokens":9}}}`,
		), want: typed(
			`{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","output":[],"instructions":"be [x]","text":{"format":{"type":"text"}},"tools":[]}}`,
			`{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[]}}`,
			`{"type":"response.content_part.added","sequence_number":2,`+at+`,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}`,
			`{"type":"response.output_text.delta","sequence_number":3,`+at+`,"delta":"my ","logprobs":[],"obfuscation":"x"}`,
			`{"type":"response.output_text.delta","sequence_number":4,`+at+`,"delta":"[x] ","logprobs":[]}`,
			`{"type":"response.output_text.delta","sequence_number":5,`+at+`,"delta":"sec","logprobs":[]}`,
			`{"type":"response.output_text.done","sequence_number":6,`+at+`,"text":"my [x] sec","logprobs":[]}`,
			`{"type":"response.content_part.done","sequence_number":7,`+at+`,"part":{"type":"output_text","text":"my [x] sec","annotations":[{"type":"url_citation","title":"[x]"}]}}`,
			`{"type":"response.output_item.done","sequence_number":8,"output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"my [x] sec"}]}}`,
			`{"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","status":"completed","output":[{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","logprobs":[],"text":"my [x] sec"}]}],"usage":{"input_tokens":9}}}`,
		)},
		{name: "two calls and reasoning in turns", api: OpenAIResponses, in: typed(
			`{"type":"response.reasoning_summary_text.delta","sequence_number":1,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"a sec"}`,
			`{"type":"response.reasoning_summary_text.done","sequence_number":2,"item_id":"rs_1","output_index":0,"summary_index":0,"text":"a sec"}`,
			`{"type":"response.output_item.added","sequence_number":3,"output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":""}}`,
			`{"type":"response.function_call_arguments.delta","sequence_number":4,"item_id":"fc_1","output_index":1,"delta":"{\"a\":\"sec"}`,
			`{"type":"response.function_call_arguments.delta","sequence_number":5,"item_id":"fc_2","output_index":2,"delta":"{\"a\":\"se"}`,
			`{"type":"response.function_call_arguments.delta","sequence_number":6,"item_id":"fc_1","output_index":1,"delta":"ret\"}"}`,
			`{"type":"response.function_call_arguments.done","sequence_number":7,"item_id":"fc_1","output_index":1,"name":"f","arguments":"{\"a\":\"secret\"}"}`,
			`{"type":"response.output_item.done","sequence_number":8,"output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{\"a\":\"secret\"}"}}`,
			`{"type":"response.incomplete","sequence_number":9,"response":{"id":"r","output":[]}}`,
		), want: typed(
			`{"type":"response.reasoning_summary_text.delta","sequence_number":1,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"a "}`,
			`{"type":"response.reasoning_summary_text.delta","sequence_number":2,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"sec"}`,
			`{"type":"response.reasoning_summary_text.done","sequence_number":3,"item_id":"rs_1","output_index":0,"summary_index":0,"text":"a sec"}`,
			`{"type":"response.output_item.added","sequence_number":4,"output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":""}}`,
			`{"type":"response.function_call_arguments.delta","sequence_number":5,"item_id":"fc_1","output_index":1,"delta":"{\"a\":\""}`,
			`{"type":"response.function_call_arguments.delta","sequence_number":6,"item_id":"fc_2","output_index":2,"delta":"{\"a\":\""}`,
			`{"type":"response.function_call_arguments.delta","sequence_number":7,"item_id":"fc_1","output_index":1,"delta":"[x]\"}"}`,
			`{"type":"response.function_call_arguments.done","sequence_number":8,"item_id":"fc_1","output_index":1,"name":"f","arguments":"{\"a\":\"[x]\"}"}`,
			`{"type":"response.output_item.done","sequence_number":9,"output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{\"a\":\"[x]\"}"}}`,
			`{"type":"response.function_call_arguments.delta","sequence_number":10,"item_id":"fc_2","output_index":2,"delta":"se"}`,
			`{"type":"response.incomplete","sequence_number":11,"response":{"id":"r","output":[]}}`,
		)},
		{name: "texts that no delta told, silent events", api: OpenAIResponses, in: typed(
			`{"type":"response.output_item.done","output_index":0,"item":{"type":"web_search_call","id":"w","status":"completed","action":{"type":"search","query":"secret"}}}`,
			`{"type":"response.web_search_call.searching","item_id":"w","output_index":0}`,
			`{"type":"response.output_text.annotation.added","annotation":{"type":"url_citation","title":"a secret","url":"https://secret"}}`,
			`{"type":"response.output_text.done","text":"no 4111","output_index":1,"content_index":0}`, `{"type":"keepalive"}`,
		), want: typed(
			`{"type":"response.output_item.done","output_index":0,"item":{"type":"web_search_call","id":"w","status":"completed","action":{"type":"search","query":"[x]"}}}`,
			`{"type":"response.web_search_call.searching","item_id":"w","output_index":0}`,
			`{"type":"response.output_text.annotation.added","annotation":{"type":"url_citation","title":"a [x]","url":"https://[x]"}}`,
			`{"type":"response.output_text.done","text":"no [n]","output_index":1,"content_index":0}`, `{"type":"keepalive"}`,
		)},
		{name: "a shell", api: OpenAIResponses, in: typed(
			`{"type":"response.shell_call_command.delta","sequence_number":1,"output_index":0,"command_index":1,"delta":"echo sec"}`,
			`{"type":"response.shell_call_command.done","sequence_number":2,"output_index":0,"command_index":1,"command":"echo sec"}`,
			`{"type":"response.shell_call_output_content.delta","sequence_number":3,"item_id":"s","output_index":1,"command_index":0,"delta":{"stdout":"a sec","stderr":"b sec"}}`,
			`{"type":"response.shell_call_output_content.delta","sequence_number":4,"item_id":"s","output_index":1,"command_index":0,"delta":{"stdout":"ret"}}`,
			`{"type":"response.shell_call_output_content.done","sequence_number":5,"item_id":"s","output_index":1,"command_index":0,"output":[{"stdout":"a secret","stderr":"b sec","outcome":{"type":"exit","exit_code":0}}]}`,
		), want: typed(
			`{"type":"response.shell_call_command.delta","sequence_number":1,"output_index":0,"command_index":1,"delta":"echo "}`,
			`{"type":"response.shell_call_command.delta","sequence_number":2,"output_index":0,"command_index":1,"delta":"sec"}`,
			`{"type":"response.shell_call_command.done","sequence_number":3,"output_index":0,"command_index":1,"command":"echo sec"}`,
			`{"type":"response.shell_call_output_content.delta","sequence_number":4,"item_id":"s","output_index":1,"command_index":0,"delta":{"stdout":"a ","stderr":"b "}}`,
			`{"type":"response.shell_call_output_content.delta","sequence_number":5,"item_id":"s","output_index":1,"command_index":0,"delta":{"stdout":"[x]"}}`,
			`{"type":"response.shell_call_output_content.delta","sequence_number":6,"item_id":"s","output_index":1,"command_index":0,"delta":{"stderr":"sec"}}`,
			`{"type":"response.shell_call_output_content.done","sequence_number":7,"item_id":"s","output_index":1,"command_index":0,"output":[{"stdout":"a [x]","stderr":"b sec","outcome":{"type":"exit","exit_code":0}}]}`,
		)},
		{name: "transcription", api: OpenAITranscriptions, in: sse(
			`{"type":"transcript.text.delta","delta":"a sec"}`, `{"type":"transcript.text.delta","delta":"ret se"}`,
			`{"type":"transcript.text.done","text":"a secret se","usage":{}}`,
		), want: sse(
			`{"type":"transcript.text.delta","delta":"a "}`, `{"type":"transcript.text.delta","delta":"[x] "}`,
			`{"type":"transcript.text.delta","delta":"se"}`,
			`{"type":"transcript.text.done","text":"a [x] se","usage":{}}`,
		)},
	}
}

func rewriteGeminiCases() []rewriteCase {
	const tail = `"usageMetadata":{"promptTokenCount":8},"modelVersion":"gemini-x","responseId":"r1"}`
	part := func(parts, more string) string {
		return `{"candidates":[{"content":{"parts":[` + parts + `],"role":"model"}` + more + `,"index":0}],` + tail
	}
	own := func(part string) string {
		return `{"candidates":[{"content":{"parts":[` + part + `],"role":"model"},"index":0}],"modelVersion":"gemini-x","responseId":"r1"}`
	}
	return []rewriteCase{
		{name: "held in the last part", api: GeminiGenerate, in: sse(
			part(`{"text":"my se"}`, ""), part(`{"text":"cr"}`, ""), part(`{"text":"et, sec"}`, ""),
			part(`{"text":""}`, `,"finishReason":"STOP"`),
		), want: sse(
			part(`{"text":"my "}`, ""), part(`{"text":"[x], "}`, ""),
			part(`{"text":"sec"}`, `,"finishReason":"STOP"`),
		)},
		{
			name: "an array whose first element is held", api: GeminiGenerate, framing: FrameJSONArray, in: "[" + part(`{"text":"sec"}`, "") + ",\r\n" +
				part(`{"text":"ret"}`, "") + ",\r\n" + part(`{"text":"sec"}`, "") + ",\r\n" +
				part(`{"text":"."}`, `,"finishReason":"STOP","groundingMetadata":{"webSearchQueries":["secret"],"groundingSupports":[{"segment":{"text":"secret"}}]}`) + "\n]",
			want: "[" + part(`{"text":"[x]"}`, "") + ",\r\n" +
				part(`{"text":"sec."}`, `,"finishReason":"STOP","groundingMetadata":{"webSearchQueries":["[x]"],"groundingSupports":[]}`) + "\n]",
		},
		{
			name: "an array that ends early", api: GeminiGenerate, framing: FrameJSONArray, in: "[" + part(`{"text":"a sec"}`, "") + "\n]",
			want: "[" + part(`{"text":"a "}`, "") + ",\n" + own(`{"text":"sec"}`) + "\n]",
		},
		{name: "thoughts and a call", api: GeminiGenerate, in: sse(
			part(`{"text":"hm sec","thought":true}`, ""),
			part(`{"text":"sec"}`, ""),
			part(`{"functionCall":{"name":"f","args":{"secret":"secret","n":4111}},"thoughtSignature":"secret"}`, ""),
			part(`{"text":"ret"}`, `,"finishReason":"STOP"`),
		), want: sse(
			part(`{"text":"hm ","thought":true}`, ""),
			own(`{"text":"sec","thought":true}`),
			own(`{"text":"sec"}`),
			part(`{"functionCall":{"name":"f","args":{"[x]":"[x]","n":"[n]"}},"thoughtSignature":"secret"}`, ""),
			part(`{"text":"ret"}`, `,"finishReason":"STOP"`),
		)},
	}
}

func TestTextRewriterRefuses(t *testing.T) {
	chat := func(delta string) string { return sse(`{"choices":[{"index":0,"delta":` + delta + `}]}`) }
	tests := []struct {
		name string
		api  API
		in   string
		want error
	}{
		{"unknown event", OpenAIResponses, typed(`{"type":"response.new_thing.delta","delta":"a"}`), ErrTextUnknown},
		{"no type", OpenAIResponses, sse(`{"delta":"a"}`), ErrTextUnknown},
		{"a delta that is no string", OpenAIResponses, typed(`{"type":"response.output_text.delta","delta":{"text":"a"}}`), ErrTextUnknown},
		{"an output that is text", OpenAIResponses, typed(`{"type":"response.shell_call_output_content.delta","delta":"secret"}`), ErrTextUnknown},
		{"unknown event of Anthropic", AnthropicMessages, typed(`{"type":"content_block_new"}`), ErrTextUnknown},
		{"unknown delta of Anthropic", AnthropicMessages, typed(`{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","x":"a"}}`), ErrTextUnknown},
		{"unknown text of a chat delta", OpenAIChat, chat(`{"novel":"a"}`), ErrTextUnknown},
		{"unknown nested text", OpenAIChat, chat(`{"novel":[{"text":"a"}]}`), ErrTextUnknown},
		{"unknown part of Gemini", GeminiGenerate, sse(`{"candidates":[{"content":{"parts":[{"novel":"a"}]}}]}`), ErrTextUnknown},
		{"arguments of Gemini in pieces", GeminiGenerate, sse(`{"candidates":[{"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"s"}]}}]}}]}`), ErrTextUnknown},
		{"no object", OpenAIChat, sse(`"secret"`), ErrTextUnknown},
		{"a delta that is text", OpenAIChat, chat(`"secret"`), ErrTextUnknown},
		{"choices that are text", OpenAIChat, sse(`{"choices":"secret"}`), ErrTextUnknown},
		{"calls that are text", OpenAIChat, chat(`{"tool_calls":["secret"]}`), ErrTextUnknown},
		{"content that is an object", OpenAIChat, chat(`{"content":{"text":"secret"}}`), ErrTextUnknown},
		{"parts that are text", GeminiGenerate, sse(`{"candidates":[{"content":{"parts":"secret"}}]}`), ErrTextUnknown},
		{"a part that is text", GeminiGenerate, sse(`{"candidates":[{"content":{"parts":["secret"]}}]}`), ErrTextUnknown},
		{"a delta of Anthropic that is text", AnthropicMessages, typed(`{"type":"content_block_delta","index":0,"delta":"secret"}`), ErrTextUnknown},
		{"not JSON", OpenAIChat, sse(`{"choices":[`), ErrTextMalformed},
		{"blocked", OpenAIChat, chat(`{"content":"a bomb"}`), errBomb},
		{"blocked in arguments", OpenAIChat, chat(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":\"b\\u006fmb\"}"}}]}`), errBomb},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := rewrite(t, tt.api, FrameSSE, &maskFilter{}, tt.in)
			if !errors.Is(err, tt.want) || got != "" {
				t.Errorf("got %q, %v, want nothing and %v", got, err, tt.want)
			}
		})
	}
	passing := []string{`{"novel":null}`, `{"novel":1}`, `{"novel":{"a":[]}}`, `{"novel":""}`, `{"provider_specific_fields":{"a":"b"}}`}
	for _, delta := range passing {
		if got, err := rewrite(t, OpenAIChat, FrameSSE, &maskFilter{}, chat(delta)); err != nil || got != chat(delta) {
			t.Errorf("%s: got %q, %v, want it as it came", delta, got, err)
		}
	}
}
