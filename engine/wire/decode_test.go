package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// showConversation writes everything of a conversation, a line a message, a tool or a setting.
func showConversation(c *Conversation) string {
	var b strings.Builder
	for i := range c.Messages {
		showMessage(&b, &c.Messages[i])
	}
	for i := range c.Tools {
		t := &c.Tools[i]
		fmt.Fprintf(&b, "tool %s %s %q %s%s\n", t.Kind, t.Name, t.Description, t.Schema, showRest(t.Rest))
	}
	if s := fmt.Sprintf("%+v", c.Settings); s != fmt.Sprintf("%+v", Settings{}) {
		b.WriteString(showSettings(&c.Settings))
	}
	if len(c.Rest) > 0 {
		fmt.Fprintf(&b, "rest%s\n", showRest(c.Rest))
	}
	return b.String()
}

func showSettings(s *Settings) string {
	var b strings.Builder
	for _, n := range []struct {
		name  string
		value any
	}{
		{"max", s.MaxOutputTokens},
		{"temperature", s.Temperature},
		{"top_p", s.TopP},
		{"top_k", s.TopK},
		{"seed", s.Seed},
		{"frequency", s.FrequencyPenalty},
		{"presence", s.PresencePenalty},
		{"choices", s.Choices},
		{"stop", strings.Join(s.Stop, "|")},
		{"effort", s.Effort},
		{"thinking", s.ThinkingBudget},
		{"mode", s.ToolMode},
		{"named", s.ToolName},
		{"one_tool", s.NoParallelTools},
		{"format", s.Format},
		{"format_name", s.FormatName},
		{"format_about", s.FormatDescription},
		{"schema", string(s.FormatSchema)},
	} {
		if v := fmt.Sprint(n.value); v != "" && v != "0" && v != "false" {
			fmt.Fprintf(&b, " %s=%s", n.name, v)
		}
	}
	return "settings" + b.String() + "\n"
}

func showMessage(b *strings.Builder, m *Message) {
	b.WriteString(m.Role)
	if m.Name != "" {
		b.WriteString(" " + m.Name)
	}
	b.WriteString(":")
	showBlocks(b, m.Blocks)
	b.WriteString(showRest(m.Rest) + "\n")
}

func showBlocks(b *strings.Builder, blocks []Block) {
	kinds := [...]string{"other", "text", "thinking", "refusal", "image", "audio", "video", "file", "call", "result"}
	for i := range blocks {
		p := &blocks[i]
		fmt.Fprintf(b, " <%s", kinds[p.Kind])
		if p.Text != "" {
			fmt.Fprintf(b, " %q", p.Text)
		}
		if p.Kind == BlockOther && p.Text == "" {
			fmt.Fprintf(b, " %s", p.Raw)
		}
		if m := p.Media; m != nil {
			fmt.Fprintf(b, " %s", strings.Trim(strings.Join([]string{m.MIME, m.URL, m.Data, m.ID, m.Name}, ","), ","))
		}
		if p.Call != nil {
			fmt.Fprintf(b, " %s %s %s", p.Call.ID, p.Call.Name, p.Call.Arguments)
		}
		if r := p.Result; r != nil {
			fmt.Fprintf(b, " %s %s", r.ID, r.Name)
			showBlocks(b, r.Blocks)
			if r.Error {
				b.WriteString(" error")
			}
		}
		if p.Kind != BlockOther {
			b.WriteString(showRest(p.Rest))
		}
		b.WriteString(">")
	}
}

func showRest(rest []Field) string {
	var b strings.Builder
	for _, f := range rest {
		fmt.Fprintf(&b, " +%s=%s", f.Key, f.Value)
	}
	return b.String()
}

func TestDecodeConversation(t *testing.T) {
	tests := []struct {
		name string
		api  API
		body string
		want string
	}{
		{
			name: "chat", api: OpenAIChat,
			body: `{"model":"m","messages":[
				{"role":"developer","content":"Be \"brief\"."},
				{"role":"user","name":"ann","content":[
					{"type":"text","text":"What is\nthis?"},
					{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}},
					{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},
					{"type":"file","file":{"file_id":"f1","filename":"a.pdf"}},
					{"type":"hologram","data":{"secret":1}}]},
				{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"q\": 1}"}}],"prefix":true},
				{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"a cat"}]},
				{"role":"assistant","reasoning_content":"hm","content":"A cat.","refusal":null}],
				"tools":[{"type":"function","function":{"name":"look","description":"Looks","parameters":{"type":"object","maximum":1.00},"strict":true}}],
				"temperature":0.70,"max_tokens":5,"max_completion_tokens":10,"stop":["a","b"],"n":2,"seed":7,"parallel_tool_calls":false,
				"tool_choice":{"type":"function","function":{"name":"look"}},"reasoning_effort":"low",
				"response_format":{"type":"json_schema","json_schema":{"name":"cat","schema":{"type":"object"}}},"x_vendor":[1.50]}`,
			want: `system: <text "Be \"brief\".">
user ann: <text "What is\nthis?"> <image https://x/y.png> <audio audio/wav,,AAAA> <file f1,a.pdf> <other {"type":"hologram","data":{"secret":1}}>
assistant: <call c1 look {"q": 1}> +prefix=true
tool: <result c1  <text "a cat">>
assistant: <thinking "hm"> <text "A cat.">
tool function look "Looks" {"type":"object","maximum":1.00} +strict=true
settings max=10 temperature=0.70 seed=7 choices=2 stop=a|b effort=low mode=4 named=look one_tool=true format=2 format_name=cat schema={"type":"object"}
rest +model="m" +x_vendor=[1.50]
`,
		},
		{
			name: "older chat", api: OpenAIChat,
			body: `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"","function_call":{"name":"f","arguments":"{}"}},
				{"role":"function","name":"f","content":"1"}],"functions":[{"name":"f"}],"function_call":"auto","stop":"x","response_format":{"type":"json_object"}}`,
			want: `user: <text "hi">
assistant: <call  f {}>
tool f: <result  f <text "1">>
tool function f "" 
settings stop=x mode=1 format=1
`,
		},
		{
			name: "what single vendors have", api: OpenAIChat,
			body: `{"documents":["doc",{"text":"b"}],"messages":[
				{"role":"assistant","content":["plain"],"reasoning_details":[{"type":"reasoning.text","text":"r"}]},
				{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}],"temperature":null,"stop":null,"tools":null}`,
			want: `user: <text "doc">
user: <other {"text":"b"}>
assistant: <text "plain"> <other [{"type":"reasoning.text","text":"r"}]>
assistant: <call  f {"a":1}>
`,
		},
		{
			name: "completions", api: OpenAICompletions,
			body: `{"prompt":["one","two"],"suffix":"end","max_tokens":3,"echo":true}`,
			want: `user: <text "one">
user: <text "two">
user: <text "end">
settings max=3
rest +echo=true
`,
		},
		{
			name: "embeddings by token", api: OpenAIEmbeddings, body: `{"input":[[1,2],[3]],"dimensions":8}`,
			want: "user: <other [1,2]>\nuser: <other [3]>\nrest +dimensions=8\n",
		},
		{name: "embeddings of one", api: OpenAIEmbeddings, body: `{"input":[1,2]}`, want: "user: <other [1,2]>\n"},
		{
			name: "moderation", api: OpenAIModerations, body: `{"input":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"u"}}]}`,
			want: "user: <text \"t\">\nuser: <image u>\n",
		},
		{
			name: "rerank", api: OpenAIRerank, body: `{"query":"q","documents":["a",{"text":"b"}],"top_n":1}`,
			want: "user: <text \"q\">\nuser: <text \"a\">\nuser: <other {\"text\":\"b\"}>\nrest +top_n=1\n",
		},
		{
			name: "responses text", api: OpenAIResponses, body: `{"input":"hi","instructions":"be","text":{"format":{"type":"text"},"verbosity":"low"}}`,
			want: "system: <text \"be\">\nuser: <text \"hi\">\nrest +verbosity=\"low\"\n",
		},
		{
			name: "responses", api: OpenAIResponses,
			body: `{"model":"m","input":[
				{"role":"developer","content":"dev"},
				{"type":"message","role":"user","content":[{"type":"input_text","text":"see"},{"type":"input_image","image_url":"data:image/png;base64,AA","detail":"auto"},{"type":"input_file","filename":"f.txt","file_data":"QQ"}]},
				{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"thought"}],"encrypted_content":"zz"},
				{"type":"function_call","call_id":"c","name":"f","arguments":"{}","id":"fc"},
				{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"out"}]},
				{"type":"web_search_call","id":"w","status":"completed"},
				{"type":"local_shell_call_output","call_id":"s","output":"sh"},
				{"type":"message","role":"assistant","id":"m1","content":[{"type":"output_text","text":"done","annotations":[]}]}],
				"tools":[{"type":"function","name":"f","description":"d","parameters":{}},{"type":"web_search"}],"tool_choice":"required",
				"max_output_tokens":9,"reasoning":{"effort":"high"},"text":{"format":{"type":"json_schema","name":"n","description":"x","schema":{}}}}`,
			want: `system: <text "dev">
user: <text "see"> <image data:image/png;base64,AA +detail="auto"> <file QQ,,f.txt>
assistant: <thinking "thought" +id="rs" +encrypted_content="zz">
assistant: <call c f {} +id="fc">
tool: <result c  <text "out">>
assistant: <other {"type":"web_search_call","id":"w","status":"completed"}>
tool: <result s  <other {"type":"local_shell_call_output","call_id":"s","output":"sh"}>>
assistant: <text "done" +annotations=[]> +id="m1"
tool function f "d" {}
tool web_search web_search "" 
settings max=9 effort=high mode=3 format=2 format_name=n format_about=x schema={}
rest +model="m"
`,
		},
		{
			name: "anthropic", api: AnthropicMessages,
			body: `{"max_tokens":8,"system":[{"type":"text","text":"sys","cache_control":{"type":"ephemeral"}}],"messages":[
				{"role":"user","content":[{"type":"text","text":"look"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}},
					{"type":"document","title":"T","context":"C","source":{"type":"text","media_type":"text/plain","data":"doc"}}]},
				{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"redacted_thinking","data":"r"},{"type":"tool_use","id":"t","name":"f","input":{"a":1.0}}]},
				{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":[{"type":"text","text":"res"},{"type":"image","source":{"type":"url","url":"u"}}]},{"type":"text","text":"go on"}]},
				{"role":"assistant","content":"pre"}],
				"tools":[{"name":"f","description":"d","input_schema":{"type":"object"}},{"type":"bash_20250124","name":"bash"}],
				"tool_choice":{"type":"any","disable_parallel_tool_use":true},"thinking":{"type":"enabled","budget_tokens":1024},
				"output_config":{"effort":"low","format":{"type":"json_schema","schema":{}}},"stop_sequences":["s"],"top_k":3}`,
			want: `system: <text "sys" +cache_control={"type":"ephemeral"}>
user: <text "look"> <image image/png,,AA> <file "T\nC\ndoc" text/plain,,,,T +context="C">
assistant: <thinking "hm" +signature="s"> <thinking +data="r"> <call t f {"a":1.0}>
tool: <result t  <text "res"> <image u> error>
user: <text "go on">
assistant: <text "pre">
tool function f "d" {"type":"object"}
tool bash_20250124 bash "" 
settings max=8 top_k=3 stop=s effort=low thinking=1024 mode=3 one_tool=true format=2 schema={}
rest +thinking={"type":"enabled","budget_tokens":1024}
`,
		},
		{
			name: "gemini", api: GeminiGenerate,
			body: `{"system_instruction":{"parts":[{"text":"sys"}]},"contents":[
				{"role":"user","parts":[{"text":"see"},{"inlineData":{"mimeType":"image/png","data":"AA"}},{"file_data":{"mime_type":"video/mp4","file_uri":"gs://v"}}]},
				{"role":"model","parts":[{"text":"hm","thought":true},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"s"}]},
				{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"r":2}}},{"text":"and"}]},
				{"parts":[{"executableCode":{"code":"1"}}]}],
				"tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT"}}]},{"googleSearch":{}}],
				"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
				"generationConfig":{"temperature":1,"topP":0.5,"candidateCount":2,"maxOutputTokens":7,"stopSequences":["x"],"responseMimeType":"application/json","response_schema":{"type":"OBJECT"},"thinkingConfig":{"thinkingBudget":5},"speechConfig":{}},
				"safetySettings":[]}`,
			want: `system: <text "sys">
user: <text "see"> <image image/png,,AA> <video video/mp4,gs://v>
assistant: <thinking "hm"> <call  f {"a":1} +thoughtSignature="s">
tool: <result  f <text "{\"r\":2}">>
user: <text "and">
user: <other {"executableCode":{"code":"1"}}>
tool function f "d" {"type":"OBJECT"}
tool googleSearch googleSearch "" 
settings max=7 temperature=1 top_p=0.5 choices=2 stop=x thinking=5 mode=4 named=f format=2 schema={"type":"OBJECT"}
rest +thinkingConfig={"thinkingBudget":5} +speechConfig={} +safetySettings=[]
`,
		},
		{
			name: "gemini batch", api: GeminiBatchEmbed,
			body: `{"requests":[{"model":"models/e","content":{"parts":[{"text":"a"}]},"title":"t"},{"content":{"parts":{"text":"b"}}}]}`,
			want: "user: <text \"a\">\nuser: <text \"t\">\nuser: <text \"b\">\nrest +model=\"models/e\"\n",
		},
		{name: "speech", api: OpenAISpeech, body: `{"input":"say","voice":"v"}`, want: "user: <text \"say\">\nrest +voice=\"v\"\n"},
		{name: "an API without a conversation", api: Models, body: `[`, want: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkConversation(t, tt.api, tt.body, tt.want) })
	}
}

// TestDecodeRefuses pins that nothing malformed reads as something smaller: a rule that looks for what must not pass has
// to see all of it or fail.
func TestDecodeRefuses(t *testing.T) {
	chat, anthropic, gemini, responses := OpenAIChat, AnthropicMessages, GeminiGenerate, OpenAIResponses
	tests := []struct {
		api               API
		body, param, want string
	}{
		{chat, `{"messages":{"role":"user"}}`, "messages", "must be an array, not an object"},
		{chat, `{"messages":null}`, "messages", "must be an array, not null"},
		{chat, `{"messages":["hi"]}`, "messages[0]", "must be an object, not a string"},
		{chat, `{"messages":[{"role":"user","content":"a"},{"content":"b"}]}`, "messages[1].role", "must be a string, not missing"},
		{chat, `{"messages":[{"role":"User","content":"a"}]}`, "messages[0].role", "as the API spells it"},
		{chat, `{"messages":[{"role":"user","content":7}]}`, "messages[0].content", "a string or an array of parts, not a number"},
		{chat, `{"messages":[{"role":"user","content":[{"type":"text","text":["a"]}]}]}`, "messages[0].content[0].text", "must be a string"},
		{chat, `{"messages":[{"role":"user","content":[{"text":"a"}]}]}`, "messages[0].content[0].type", "must be a string, not missing"},
		{chat, `{"messages":[{"role":"user","content":"a","content":"b"}]}`, "messages[0].content", "twice"},
		{chat, `{"messages":[{"role":"user","Content":"a"}]}`, "messages[0].Content", "must be spelled content"},
		{chat, `{"Messages":[]}`, "Messages", "must be spelled messages"},
		{chat, `{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":5}}]}]}`, "messages[0].tool_calls[0].function.arguments", "must be a string"},
		{chat, `{"messages":[],"tools":[{"type":"function","function":{"name":3}}]}`, "tools[0].function.name", "must be a string"},
		{chat, `{"messages":[],"temperature":"hot"}`, "temperature", "must be a number"},
		{chat, `{"messages":[],"stop":[1]}`, "stop[0]", "must be a string"},
		{chat, `{"messages":[],"response_format":"json"}`, "response_format", "must be an object"},
		{responses, `{"input":[{"type":"message","role":"user","content":[{"type":"input_text"}]}]}`, "input[0].content[0].text", "not missing"},
		{responses, `{"input":5}`, "input", "a string or an array of items"},
		{anthropic, `{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text"}]}]}]}`, "messages[0].content[0].content[0].text", "not missing"},
		{anthropic, `{"messages":[],"system":{"text":"a"}}`, "system", "a string or an array of blocks"},
		{gemini, `{"contents":[{"parts":[{"text":1}]}]}`, "contents[0].parts[0].text", "must be a string"},
		{gemini, `{"contents":[],"system_instruction":{},"systemInstruction":{}}`, "system_instruction", "stands twice"},
		{gemini, `{"contents":[{"role":"user","Parts":[]}]}`, "contents[0].Parts", "must be spelled parts"},
		{gemini, `{"contents":"hi"}`, "contents", "must be an array"},
		{OpenAIEmbeddings, `{"input":[true]}`, "input[0]", "must be a string"},
		{OpenAICompletions, `{"prompt":{"a":1}}`, "prompt", "a string or an array"},
		{anthropic, `{"messages":[{"role":"user","content":` + strings.Repeat(`[{"type":"tool_result","content":`, 12) + `""` + strings.Repeat(`}]`, 12) + `}]}`, "", "nested deeper"},
		{chat, `{"messages":[` + strings.Repeat(`{"role":"user"},`, decodeMaxItems) + `{"role":"user"}]}`, "", "one more than the 65536"},
	}
	for _, tt := range tests {
		t.Run(tt.body[:min(len(tt.body), 60)], func(t *testing.T) {
			_, problem := DecodeConversation(tt.api, []byte(tt.body))
			if problem == nil {
				t.Fatal("got no problem")
			}
			if !strings.Contains(problem.Message, tt.want) || (tt.param != "" && problem.Param != tt.param) {
				t.Errorf("got %q at %q, want %q at %q", problem.Message, problem.Param, tt.want, tt.param)
			}
			if problem.Offset <= 0 || problem.Offset > len(tt.body) {
				t.Errorf("got offset %d of %d", problem.Offset, len(tt.body))
			}
		})
	}
}

func checkConversation(t *testing.T, api API, body, want string) {
	t.Helper()
	c, problem := DecodeConversation(api, []byte(body))
	if problem != nil {
		t.Fatal(problem)
	}
	if diff := cmp.Diff(want, showConversation(c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	checkTexts(t, api, body, c)
}

// checkTexts makes sure that a rule can find every text that a model reads, which Texts finds in another way, somewhere in
// the conversation.
func checkTexts(t *testing.T, api API, body string, c *Conversation) {
	t.Helper()
	var seen strings.Builder
	for i := range c.Messages {
		m := &c.Messages[i]
		seen.WriteString(m.Name + "\n" + m.Text() + "\n")
		for k := range m.Blocks {
			if call := m.Blocks[k].Call; call != nil {
				seen.WriteString(call.Name + "\n" + call.Arguments + "\n")
			}
			if r := m.Blocks[k].Result; r != nil {
				seen.WriteString(r.Name + "\n")
			}
		}
	}
	var p Peek
	if problem := p.Read(api, []byte(body)); problem != nil {
		return
	}
	p.Texts(api, func(text string) bool {
		if text != "" && text[0] != '{' && text[0] != '[' && !strings.Contains(seen.String(), text) {
			t.Errorf("%q is nowhere in the conversation", text)
		}
		return true
	})
}

func BenchmarkDecodeConversation(b *testing.B) {
	turn := `{"role":"user","content":[{"type":"text","text":"` + strings.Repeat("word ", 200) + `"}]},{"role":"assistant","content":"` + strings.Repeat("more ", 200) + `"},`
	for _, turns := range []int{1, 100} {
		body := []byte(`{"model":"m","messages":[` + strings.TrimSuffix(strings.Repeat(turn, turns), ",") + `]}`)
		b.Run(fmt.Sprintf("turns=%d", turns), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, problem := DecodeConversation(OpenAIChat, body); problem != nil {
					b.Fatal(problem)
				}
			}
		})
	}
}
