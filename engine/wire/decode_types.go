package wire

import "strings"

// Conversation is a request to a model in the one form that all APIs share. Strings and raw values alias the body it was
// read from. Instructions are messages of RoleSystem, whichever way the API sends them.
type Conversation struct {
	Messages []Message
	Tools    []Tool
	Settings Settings
	Rest     []Field // members that nothing above holds, in the order of the body
}

// Field is a member kept as it came.
type Field struct {
	Key   string
	Value []byte // JSON
}

// The roles that every API's own are read as. A role that no API documents keeps its name.
const (
	RoleSystem    = "system" // developer too
	RoleUser      = "user"
	RoleAssistant = "assistant" // Gemini's model
	RoleTool      = "tool"      // what tools gave back, also where the API sends it under another role
)

// Message is one turn.
type Message struct {
	Role   string
	Name   string
	Blocks []Block
	Rest   []Field
}

// BlockKind says what a part is.
type BlockKind uint8

// The kinds of blocks. BlockOther is one that Weir does not know: only Raw tells what it is.
const (
	BlockOther BlockKind = iota
	BlockText
	BlockThinking
	BlockRefusal
	BlockImage
	BlockAudio
	BlockVideo
	BlockFile
	BlockToolCall
	BlockToolResult
)

// Block is a piece of a message's content.
type Block struct {
	Kind   BlockKind
	Text   string // of BlockText, BlockThinking, BlockRefusal; the readable content of BlockFile and BlockOther where there is any
	Media  *Media // of BlockImage, BlockAudio, BlockVideo, BlockFile
	Call   *ToolCall
	Result *ToolResult
	Raw    []byte // the part as the client's API writes it; nil where the content was a plain string
	Rest   []Field
}

// Media is content that is not text. At most one of URL, Data and ID says where it is.
type Media struct {
	MIME string // "" where the API does not say
	URL  string // also data: URLs, as they came
	Data string // base64
	ID   string // of a stored file
	Name string
}

// ToolCall is a call that the model asked for.
type ToolCall struct {
	ID, Name string
	// Arguments is JSON text where the tool has a schema, and plain text where it takes any.
	Arguments string
}

// ToolResult is what a tool gave back.
type ToolResult struct {
	ID     string // of the call
	Name   string
	Blocks []Block
	Error  bool
}

// Tool is something that the model may call.
type Tool struct {
	Kind        string // "function", or the vendor's own name of a built-in tool
	Name        string
	Description string
	Schema      []byte // JSON Schema of the arguments, nil where there is none
	Raw         []byte // the tool as the client's API writes it
	Rest        []Field
}

// ToolMode says whether the model must call tools.
type ToolMode uint8

// The tool modes.
const (
	ToolModeUnset ToolMode = iota
	ToolModeAuto
	ToolModeNone
	ToolModeRequired // some tool
	ToolModeNamed    // the one in ToolName
	ToolModeOther    // a form that only the client's API has; it stands in Rest
)

// Number is a JSON number as its text, "" where the client gave none.
type Number string

// Settings is how the model should answer.
type Settings struct {
	MaxOutputTokens   Number
	Temperature       Number
	TopP              Number
	TopK              Number
	Seed              Number
	FrequencyPenalty  Number
	PresencePenalty   Number
	Choices           Number // how many answers
	Stop              []string
	Effort            string // of reasoning, in the client's word
	ThinkingBudget    Number // tokens
	ToolMode          ToolMode
	ToolName          string
	NoParallelTools   bool
	Format            FormatKind
	FormatName        string
	FormatSchema      []byte
	FormatDescription string
}

// FormatKind is the form of the answer.
type FormatKind uint8

// The forms.
const (
	FormatText   FormatKind = iota
	FormatJSON              // any JSON
	FormatSchema            // JSON by a schema
	FormatOther             // a grammar, or one that only the client's API has
)

// JSON reports whether the answer must be JSON.
func (f FormatKind) JSON() bool { return f == FormatJSON || f == FormatSchema }

// Reply is a whole answer in the one form that all APIs share.
type Reply struct {
	ID      string
	Model   string
	Choices []Choice
	Rest    []Field
}

// Choice is one of the answers to a request. Its message has RoleAssistant.
type Choice struct {
	Message Message
	Finish  string // in the provider's own word, as streams tell it
	Rest    []Field
}

// AppendText appends what a model reads of the part as text: texts, refusals, thinking, results of tools, readable files,
// and for blocks that Weir does not know the JSON that they are. Pieces stand on lines of their own.
func (p *Block) AppendText(b *strings.Builder) {
	switch p.Kind {
	case BlockToolResult:
		for i := range p.Result.Blocks {
			p.Result.Blocks[i].AppendText(b)
		}
		return
	case BlockOther:
		if p.Text == "" {
			appendLine(b, scanAlias(p.Raw))
			return
		}
	case BlockText, BlockThinking, BlockRefusal, BlockImage, BlockAudio, BlockVideo, BlockFile, BlockToolCall:
	}
	appendLine(b, p.Text)
}

func appendLine(b *strings.Builder, s string) {
	if s == "" {
		return
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(s)
}

// Text is everything in the message that a model reads as text, apart from calls of tools. It aliases the body where
// the message is one text.
func (m *Message) Text() string {
	if len(m.Blocks) == 1 && m.Blocks[0].Kind == BlockText {
		return m.Blocks[0].Text
	}
	var b strings.Builder
	for i := range m.Blocks {
		m.Blocks[i].AppendText(&b)
	}
	return b.String()
}

// HasImages reports whether a message holds an image, inside results of tools too.
func (c *Conversation) HasImages() bool {
	for i := range c.Messages {
		if hasImage(c.Messages[i].Blocks) {
			return true
		}
	}
	return false
}

func hasImage(blocks []Block) bool {
	for i := range blocks {
		if blocks[i].Kind == BlockImage || (blocks[i].Result != nil && hasImage(blocks[i].Result.Blocks)) {
			return true
		}
	}
	return false
}

// System is the text of all instructions, one message after the other.
func (c *Conversation) System() string {
	var b strings.Builder
	for i := range c.Messages {
		if c.Messages[i].Role == RoleSystem {
			appendLine(&b, c.Messages[i].Text())
		}
	}
	return b.String()
}
