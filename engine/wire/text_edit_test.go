package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type editCase struct {
	name   string
	api    API
	answer bool
	in     string
	want   string // with "secret" made "[x]" and 4111 made "[n]"; empty: as it came
	kinds  string // of the fields, in the order of the body
}

func editRequestCases() []editCase {
	return []editCase{
		{
			name: "chat", api: OpenAIChat,
			in: `{"model":"secret","messages":[{"role":"system","content":"be secret"},
 {"content":[{"type":"text","text":"a \u0073ecret \/ b"},{"type":"image_url","image_url":{"url":"secret"}}],"role":"user","name":"secret"},
 {"role":"assistant","content":null,"reasoning_content":"secret","tool_calls":[{"id":"secret","type":"function","function":{"name":"secret","arguments":"{\"secret\": \"\\u0073ecret \\\"\\/\\\"\", \"n\":[4111,1]}"}}]},
 {"role":"tool","tool_call_id":"c1","name":"secret","content":"secret"}],
 "prediction":{"type":"content","content":"secret"},"metadata":{"secret":"secret"},"user":"secret","stop":["secret"],
 "tools":[{"type":"function","function":{"name":"secret","description":"secret","parameters":{"properties":{"secret":{"description":"secret","enum":["secret"]}}}}}]}`,
			want: `{"model":"secret","messages":[{"role":"system","content":"be [x]"},
 {"content":[{"type":"text","text":"a [x] / b"},{"type":"image_url","image_url":{"url":"secret"}}],"role":"user","name":"[x]"},
 {"role":"assistant","content":null,"reasoning_content":"[x]","tool_calls":[{"id":"secret","type":"function","function":{"name":"secret","arguments":"{\"[x]\": \"[x] \\\"/\\\"\", \"n\":[\"[n]\",1]}"}}]},
 {"role":"tool","tool_call_id":"c1","name":"secret","content":"[x]"}],
 "prediction":{"type":"content","content":"[x]"},"metadata":{"secret":"[x]"},"user":"[x]","stop":["secret"],
 "tools":[{"type":"function","function":{"name":"secret","description":"[x]","parameters":{"properties":{"secret":{"description":"[x]","enum":["secret"]}}}}}]}`,
			kinds: "system user other reasoning tool_arguments tool_result assistant other other other other",
		},
		{name: "completions", api: OpenAICompletions, in: `{"prompt":["secret",[1,2]],"suffix":"secret"}`, want: `{"prompt":["[x]",[1,2]],"suffix":"[x]"}`, kinds: "user user"},
		{name: "embeddings", api: OpenAIEmbeddings, in: `{"input":"a secret"}`, want: `{"input":"a [x]"}`, kinds: "user"},
		{name: "rerank", api: OpenAIRerank, in: `{"query":"secret","documents":["secret",{"text":"secret"}]}`, want: `{"query":"[x]","documents":["[x]",{"text":"[x]"}]}`, kinds: "user user user"},
		{
			name: "responses", api: OpenAIResponses,
			in: `{"instructions":"secret","input":[{"role":"developer","content":"secret"},{"role":"user","content":[{"type":"input_text","text":"secret"},{"type":"input_file","filename":"secret","file_data":"secret"}]},
{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"secret"}],"encrypted_content":"secret"},
{"type":"function_call","call_id":"secret","name":"f","arguments":"{\"a\":\"secret\"}"},{"type":"function_call_output","call_id":"c","output":"secret"},
{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"secret"}]},
{"type":"custom_tool_call","name":"g","input":"secret"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"secret","annotations":[{"type":"url_citation","title":"secret"}]}]}],
"prompt":{"id":"secret","variables":{"secret":"secret"}},"reasoning":{"effort":"secret"},"text":{"format":{"type":"json_schema","name":"secret","schema":{"description":"secret"}}}}`,
			want: `{"instructions":"[x]","input":[{"role":"developer","content":"[x]"},{"role":"user","content":[{"type":"input_text","text":"[x]"},{"type":"input_file","filename":"[x]","file_data":"secret"}]},
{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"[x]"}],"encrypted_content":"secret"},
{"type":"function_call","call_id":"secret","name":"f","arguments":"{\"a\":\"[x]\"}"},{"type":"function_call_output","call_id":"c","output":"[x]"},
{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"[x]"}]},
{"type":"custom_tool_call","name":"g","input":"[x]"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"[x]","annotations":[{"type":"url_citation","title":"[x]"}]}]}],
"prompt":{"id":"secret","variables":{"secret":"[x]"}},"reasoning":{"effort":"secret"},"text":{"format":{"type":"json_schema","name":"secret","schema":{"description":"[x]"}}}}`,
			kinds: "system system user other reasoning tool_arguments tool_result tool_result tool_arguments assistant other user other",
		},
		{
			name: "anthropic", api: AnthropicMessages,
			in: `{"system":[{"type":"text","text":"secret","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"document","title":"secret","context":"secret","source":{"type":"text","media_type":"text/plain","data":"secret"}},
{"type":"document","source":{"type":"base64","data":"secret"}},{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"secret"}]}]},
{"role":"assistant","content":[{"type":"thinking","thinking":"secret","signature":"secret"},{"type":"redacted_thinking","data":"secret"},{"type":"tool_use","id":"t","name":"secret","input":{"secret":["secret",4111]}}]}],"metadata":{"user_id":"secret"}}`,
			want: `{"system":[{"type":"text","text":"[x]","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"document","title":"[x]","context":"[x]","source":{"type":"text","media_type":"text/plain","data":"[x]"}},
{"type":"document","source":{"type":"base64","data":"secret"}},{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"[x]"}]}]},
{"role":"assistant","content":[{"type":"thinking","thinking":"[x]","signature":"secret"},{"type":"redacted_thinking","data":"secret"},{"type":"tool_use","id":"t","name":"secret","input":{"[x]":["[x]","[n]"]}}]}],"metadata":{"user_id":"[x]"}}`,
			kinds: "system other other user tool_result reasoning key tool_arguments tool_arguments other",
		},
		{
			name: "gemini", api: GeminiGenerate,
			in: `{"systemInstruction":{"parts":[{"text":"secret"}]},"contents":[{"role":"user","parts":[{"text":"secret"},{"inlineData":{"mimeType":"a/b","data":"secret"}}]},
{"role":"model","parts":[{"text":"secret","thought":true},{"functionCall":{"name":"secret","args":{"secret":"secret"}},"thoughtSignature":"secret"}]},
{"role":"user","parts":[{"functionResponse":{"name":"secret","response":{"a":"secret"}}}]}],"generationConfig":{"responseSchema":{"description":"secret"},"stopSequences":["secret"]}}`,
			want: `{"systemInstruction":{"parts":[{"text":"[x]"}]},"contents":[{"role":"user","parts":[{"text":"[x]"},{"inlineData":{"mimeType":"a/b","data":"secret"}}]},
{"role":"model","parts":[{"text":"[x]","thought":true},{"functionCall":{"name":"secret","args":{"[x]":"[x]"}},"thoughtSignature":"secret"}]},
{"role":"user","parts":[{"functionResponse":{"name":"secret","response":{"a":"[x]"}}}]}],"generationConfig":{"responseSchema":{"description":"[x]"},"stopSequences":["secret"]}}`,
			kinds: "system user reasoning key tool_arguments key tool_result other",
		},
		{name: "gemini embeddings", api: GeminiBatchEmbed, in: `{"requests":[{"model":"m","content":{"parts":[{"text":"secret"}]},"title":"secret"}]}`, want: `{"requests":[{"model":"m","content":{"parts":[{"text":"[x]"}]},"title":"[x]"}]}`, kinds: "user other"},
		{name: "nothing to change", api: OpenAIChat, in: `{"messages":[{"role":"user","content":"caf\u00e9 \/"}]}`, kinds: "user"},
		{name: "arguments that are no JSON", api: OpenAIChat, in: `{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{a: \"secret\""}}]}]}`, want: `{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{a: \"[x]\""}}]}]}`, kinds: "tool_arguments"},
		{name: "arguments that are an object", api: OpenAIChat, in: `{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":{"a":"secret"}}}]}]}`, want: `{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":{"a":"[x]"}}}]}]}`, kinds: "key tool_arguments"},
	}
}

func editAnswerCases() []editCase {
	return []editCase{
		{
			name: "chat", api: OpenAIChat, answer: true,
			in: `{"id":"secret","model":"secret","choices":[{"index":0,"logprobs":{"content":[{"token":"sec"}]},"message":{"role":"assistant","content":"ok","refusal":"secret","annotations":[{"type":"url_citation","url_citation":{"title":"secret","url":"http://secret"}}],"audio":{"id":"a","data":"secret","transcript":"secret"}}},
{"index":1,"message":{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"secret"}],"content":"secret","tool_calls":[{"function":{"name":"f","arguments":"{\"a\":\"secret\"}"}}]},"logprobs":null}]}`,
			want: `{"id":"secret","model":"secret","choices":[{"index":0,"logprobs":null,"message":{"role":"assistant","content":"ok","refusal":"[x]","annotations":[{"type":"url_citation","url_citation":{"title":"[x]","url":"http://[x]"}}],"audio":{"id":"a","data":"secret","transcript":"[x]"}}},
{"index":1,"message":{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"[x]"}],"content":"[x]","tool_calls":[{"function":{"name":"f","arguments":"{\"a\":\"[x]\"}"}}]},"logprobs":null}]}`,
			kinds: "assistant assistant refusal other other assistant reasoning assistant tool_arguments",
		},
		{name: "log probabilities stay", api: OpenAIChat, answer: true, in: `{"choices":[{"logprobs":{"content":[{"token":"sec"}]},"message":{"content":"ok"}}]}`, kinds: "assistant assistant"},
		{name: "completions", api: OpenAICompletions, answer: true, in: `{"choices":[{"text":"secret","logprobs":{"tokens":["secret"]}}]}`, want: `{"choices":[{"text":"[x]","logprobs":null}]}`, kinds: "assistant assistant"},
		{
			name: "responses", api: OpenAIResponses, answer: true,
			in: `{"id":"secret","instructions":"secret","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"secret"}],"content":[{"type":"reasoning_text","text":"secret"}]},
{"type":"message","role":"assistant","content":[{"type":"output_text","text":"secret","logprobs":[{"token":"secret"}]},{"type":"refusal","refusal":"secret"}]},{"type":"function_call","arguments":"{\"a\":\"secret\"}"},
{"type":"web_search_call","action":{"type":"search","query":"secret","queries":["secret"]}},{"type":"code_interpreter_call","code":"secret","outputs":[{"type":"logs","logs":"secret"}]},
{"type":"file_search_call","queries":["secret"],"results":[{"filename":"secret","text":"secret","attributes":{"secret":"secret"}}]},{"type":"mcp_call","arguments":"{\"a\":\"secret\"}","output":"secret","error":"secret"},
{"type":"image_generation_call","revised_prompt":"secret","result":"secret"}],"error":null,"reasoning":{"effort":"secret"}}`,
			want: `{"id":"secret","instructions":"[x]","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"[x]"}],"content":[{"type":"reasoning_text","text":"[x]"}]},
{"type":"message","role":"assistant","content":[{"type":"output_text","text":"[x]","logprobs":[]},{"type":"refusal","refusal":"[x]"}]},{"type":"function_call","arguments":"{\"a\":\"[x]\"}"},
{"type":"web_search_call","action":{"type":"search","query":"[x]","queries":["[x]"]}},{"type":"code_interpreter_call","code":"[x]","outputs":[{"type":"logs","logs":"[x]"}]},
{"type":"file_search_call","queries":["[x]"],"results":[{"filename":"[x]","text":"[x]","attributes":{"secret":"[x]"}}]},{"type":"mcp_call","arguments":"{\"a\":\"[x]\"}","output":"[x]","error":"[x]"},
{"type":"image_generation_call","revised_prompt":"[x]","result":"secret"}],"error":null,"reasoning":{"effort":"secret"}}`,
		},
		{
			name: "anthropic", api: AnthropicMessages, answer: true,
			in: `{"id":"secret","content":[{"type":"thinking","thinking":"secret","signature":"secret"},{"type":"text","text":"secret","citations":[{"type":"char_location","cited_text":"secret","document_title":"secret"}]},
{"type":"tool_use","id":"t","name":"f","input":{"a":"secret"}},{"type":"web_search_tool_result","content":[{"type":"web_search_result","title":"secret","url":"secret","encrypted_content":"secret"}]},
{"type":"bash_code_execution_tool_result","content":{"type":"bash_code_execution_result","stdout":"secret","stderr":"secret"}}],"stop_reason":"end_turn","stop_sequence":"secret"}`,
			want: `{"id":"secret","content":[{"type":"thinking","thinking":"[x]","signature":"secret"},{"type":"text","text":"[x]","citations":[{"type":"char_location","cited_text":"[x]","document_title":"[x]"}]},
{"type":"tool_use","id":"t","name":"f","input":{"a":"[x]"}},{"type":"web_search_tool_result","content":[{"type":"web_search_result","title":"[x]","url":"[x]","encrypted_content":"secret"}]},
{"type":"bash_code_execution_tool_result","content":{"type":"bash_code_execution_result","stdout":"[x]","stderr":"[x]"}}],"stop_reason":"end_turn","stop_sequence":"[x]"}`,
			kinds: "reasoning assistant other other key tool_arguments other other tool_result tool_result other",
		},
		{
			name: "gemini", api: GeminiGenerate, answer: true,
			in: `{"candidates":[{"content":{"parts":[{"text":"secret","thought":true},{"text":"secret"},{"functionCall":{"name":"f","args":{"a":"secret"}}},{"executableCode":{"language":"PYTHON","code":"secret"}},{"codeExecutionResult":{"outcome":"OK","output":"secret"}}],"role":"model"},
"groundingMetadata":{"webSearchQueries":["secret"],"groundingChunks":[{"web":{"uri":"u","title":"secret"}}],"groundingSupports":[{"segment":{"text":"secret"}}]},"logprobsResult":{"chosenCandidates":[{"token":"secret"}]},"finishMessage":"secret","citationMetadata":{"citationSources":[{"uri":"secret"}]}}],"promptFeedback":{"blockReasonMessage":"secret"}}`,
			want: `{"candidates":[{"content":{"parts":[{"text":"[x]","thought":true},{"text":"[x]"},{"functionCall":{"name":"f","args":{"a":"[x]"}}},{"executableCode":{"language":"PYTHON","code":"[x]"}},{"codeExecutionResult":{"outcome":"OK","output":"[x]"}}],"role":"model"},
"groundingMetadata":{"webSearchQueries":["[x]"],"groundingChunks":[{"web":{"uri":"u","title":"[x]"}}],"groundingSupports":[]},"logprobsResult":null,"finishMessage":"[x]","citationMetadata":{"citationSources":[{"uri":"[x]"}]}}],"promptFeedback":{"blockReasonMessage":"[x]"}}`,
		},
		{name: "gemini as an array", api: GeminiGenerate, answer: true, in: `[{"candidates":[{"content":{"parts":[{"text":"secret"}]}}]}]`, want: `[{"candidates":[{"content":{"parts":[{"text":"[x]"}]}}]}]`, kinds: "assistant"},
		{name: "transcription", api: OpenAITranscriptions, answer: true, in: `{"text":"secret","segments":[{"text":"secret"}],"words":[{"word":"secret"}]}`, want: `{"text":"[x]","segments":[{"text":"[x]"}],"words":[{"word":"[x]"}]}`, kinds: "assistant assistant assistant"},
	}
}

func mask(_ TextKind, text string) (string, error) {
	return strings.ReplaceAll(strings.ReplaceAll(text, "secret", "[x]"), "4111", "[n]"), nil
}

func TestEditTexts(t *testing.T) {
	for _, tt := range append(editRequestCases(), editAnswerCases()...) {
		t.Run(tt.api.String()+"/"+tt.name, func(t *testing.T) {
			find := AppendRequestTexts
			if tt.answer {
				find = AppendAnswerTexts
			}
			fields, err := find(nil, tt.api, []byte(tt.in))
			if err != nil {
				t.Fatalf("finding texts: %v", err)
			}
			var kinds []string
			for _, f := range fields {
				kinds = append(kinds, f.Kind.String())
			}
			if got := strings.Join(kinds, " "); tt.kinds != "" && got != tt.kinds {
				t.Errorf("kinds: got %s, want %s", got, tt.kinds)
			}
			got, changed, err := EditTexts([]byte("<"), []byte(tt.in), fields, mask)
			if err != nil || changed != (tt.want != "") {
				t.Fatalf("got changed %v, %v", changed, err)
			}
			if changed && !json.Valid(got[1:]) {
				t.Errorf("got no JSON: %s", got)
			}
			if diff := cmp.Diff(strings.Split("<"+tt.want, "\n"), strings.Split(string(got), "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestEditTextsFails(t *testing.T) {
	body := []byte(`{"messages":[{"content":"a"}]}`)
	fields, err := AppendRequestTexts(nil, OpenAIChat, body)
	if err != nil {
		t.Fatalf("finding texts: %v", err)
	}
	failed := errors.New("failed")
	if out, _, err := EditTexts(nil, body, fields, func(TextKind, string) (string, error) { return "", failed }); !errors.Is(err, failed) || out != nil {
		t.Errorf("got %q, %v, want nothing and %v", out, err, failed)
	}
	if _, err := AppendAnswerTexts(nil, OpenAIChat, []byte(`{"choices":[`)); !errors.Is(err, ErrTextMalformed) {
		t.Errorf("cut answer: got %v, want %v", err, ErrTextMalformed)
	}
	if _, _, err := EditTexts(nil, body, []TextField{{Start: 5, End: 500}}, mask); !errors.Is(err, ErrTextMalformed) {
		t.Errorf("field outside: got %v, want %v", err, ErrTextMalformed)
	}
}

// FuzzEditTexts checks that whatever is edited stays JSON and loses every mark, at both levels of tool arguments.
func FuzzEditTexts(f *testing.F) {
	for _, tt := range append(editRequestCases(), editAnswerCases()...) {
		f.Add([]byte(tt.in), "x\"\\\n\u0001")
	}
	f.Fuzz(func(t *testing.T, body []byte, with string) {
		for api := range apiCount {
			for _, find := range []func([]TextField, API, []byte) ([]TextField, error){AppendRequestTexts, AppendAnswerTexts} {
				fields, err := find(nil, api, body)
				if err != nil {
					continue
				}
				out, changed, err := EditTexts(nil, body, fields, func(_ TextKind, s string) (string, error) {
					return strings.ReplaceAll(s, "e", with), nil
				})
				if err != nil {
					t.Fatalf("editing: %v", err)
				}
				if changed && !getValid(out) {
					t.Fatalf("%v: got no JSON of %q: %q", api, body, out)
				}
				same, changed, err := EditTexts(nil, body, fields, func(_ TextKind, s string) (string, error) { return s, nil })
				if changed || err != nil || same != nil {
					t.Fatalf("%v: got a change without an edit, %v", api, err)
				}
			}
		}
	})
}
