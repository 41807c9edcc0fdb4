package engine

import (
	"crypto/tls"
	"io"
	"net/netip"
	"time"

	"weir/engine/upstream"
	"weir/engine/vars"
	"weir/engine/wire"
)

// Operation is what a request asks of an API; most APIs have one.
type Operation uint8

// The operations.
const (
	OpCreate Operation = iota // the POST of the API
	OpGet                     // GET /v1/responses/{id}, GET /v1/models/{id}
	OpList                    // GET /v1/models
	OpDelete                  // DELETE /v1/responses/{id}
	OpCancel                  // POST /v1/responses/{id}/cancel
)

// Request is the client's request as the server parsed it. Strings alias the connection's buffers and are valid until
// the exchange ends.
type Request struct {
	ID       string // of Weir's making
	Method   string
	Scheme   string // http or https, as the client sees it
	Host     string
	Path     string // decoded and checked; begins with /
	RawPath  string
	Query    string // without the question mark
	Version  string // "HTTP/1.1"
	Headers  Headers
	Received time.Time
	// ContentLength is -1 where the client did not say.
	ContentLength int64

	API       wire.API
	Operation Operation
	// StoredID is the id in the path of OpGet, OpDelete and OpCancel.
	StoredID string
	// PathModel is the model in the path of the Gemini APIs.
	PathModel string
	// PathStream is set where the path asks for a stream (Gemini's streamGenerateContent).
	PathStream bool
	// Framing is how a streamed answer must be cut (Gemini without alt=sse is a JSON array).
	Framing wire.Framing

	Body []byte    // decoded from its content encoding; nil until loaded
	Peek wire.Peek // filled when the body is loaded
	Form *wire.Multipart
}

// Conn is what is known about the client's connection.
type Conn struct {
	Client, Server netip.AddrPort
	// ClientIP is Client's address, or what trusted proxies forwarded.
	ClientIP netip.Addr
	// ClientText is ClientIP as text, for those who have it at hand; "" = made when asked for.
	ClientText string
	TLS        *tls.ConnectionState // nil without TLS
	Start      time.Time
}

// Endpoint names the listener entry that an exchange came through.
type Endpoint struct {
	ID, Host, Addr, URL, Protocol string
	Port                          int
}

// Caller is who sent the request.
type Caller struct {
	ID, Name string
	Kind     string // access_key, jwt, basic, mtls, anonymous
	// TeamID and Team are the team of an access key, "" = none.
	TeamID, Team string
	Groups       []string
	Metadata     map[string]any
}

// Reply is what the client will get. Exactly one of Body and Stream carries the answer.
type Reply struct {
	Status  int
	Headers Headers // without framing fields, which the server writes
	Body    []byte
	Stream  Stream // nil for whole answers
	// Synthetic says that Weir made the answer (a custom response or an error), not a provider.
	Synthetic bool
}

// Stream is the body of a streamed answer. Read returns bytes as they come, io.EOF after a clean end, and any other
// error where the connection must be cut so that the client cannot take it for a clean end.
type Stream interface {
	io.Reader
	// Close ends the upstream call; it is safe after the end.
	Close() error
}

// BodyLoader reads, bounds and decodes the client's body into x.Request.Body and scans it. The server provides it, so
// that rules on headers run before a byte of the body is read.
type BodyLoader interface {
	LoadBody(x *Exchange) error
	// Scan reads the loaded body again after an action changed it.
	Scan(x *Exchange) error
	// Locate reads a new request target, path and query, into the exchange: which API and operation it asks for. A target
	// that nothing stands at leaves the API unknown and x.Missing set; a malformed one is an error.
	Locate(x *Exchange, target string) error
}

// Exchange is one request and its answer. The server makes it, a plan runs it, and the server finishes it; it is used by
// one goroutine at a time, save for Cancel.
type Exchange struct {
	Request  Request
	Conn     Conn
	Endpoint *Endpoint
	Caller   Caller
	Loader   BodyLoader
	Budget   Budget // nil = nothing is counted
	Reply    Reply
	// Missing is what the client is told where no API stands at the request's path and no rule answers; nil otherwise.
	Missing error

	plan     *Plan
	ctx      exchangeContext
	call     upstream.Call
	phase    vars.Phase
	route    *route
	chosen   *model // whose answer this is
	loaded   bool
	bodyErr  error
	denied   *Error
	failed   *Error
	routeErr *Error // why the route failed, for traces

	attempts []Attempt
	attempt0 [4]Attempt
	current  *Attempt // what attempt.* reads while failover is decided
	usage    wire.Usage
	finish   string // finish reason
	estimate int64  // input tokens; -1 = not estimated

	derived  *derived // what variables made of the exchange's bytes
	vars     map[string]any
	results  map[string]map[string]any
	policy   map[string]any // what log actions added
	notes    []note
	extra    Headers // of the answer, whatever it will be
	instead  Headers // the same, in the place of fields of these names
	ends     []func(*Exchange)
	guards   []TargetGuard
	narrowed narrowing // of the models that rules left
	awaited  []func(*Exchange) error
	// afterRules works behind the rules of on_response.
	afterRules []func(*Exchange) error
	trace      *routeTrace
	rule       *Rule // that is running, and its action
	ruleAction *RuleAction
	decided    *decided // nil until something was
	misread    bool     // bodyErr tells of what a variable could not read in a body that loaded

	clientKey credential
	keyring   Keyring // nil = the keys of the policy alone
	calls     []Call
	call0     [4]Call
	metered   any
	ran       bool   // the plan is through with it; a stream may still go on
	recorded  bool   // by the meter
	proven    Caller // whose access key it was, whatever endpoint the exchange is at
	bodyText  int64  // bytes that a model reads of the body; 0 = not looked at
	costText  [32]byte
	tagged    bool // labels were read
	labels    map[string]string
	scratch   dispatchBuffers
	relay     relay
	whole     meter // of scratch.answer
	started   time.Time
	total     time.Duration // from start to finish; 0 = not over
	sent      int64         // bytes of the answer
	finished  bool
}

// note is something a rule did that the log line should tell.
type note struct {
	Rule, Action, What string
	Shadow             bool
}

// Attempt is one call to one target with one key.
type Attempt struct {
	Number     int // from 1
	Provider   string
	Model      string
	Author     string
	KeyID      string // hash of the key, "" without one
	KeyMasked  string // first and last characters, for traces
	Status     int    // 0 = no response
	Code       Code   // "" = success
	Message    string // of the failure, without secrets
	Retryable  bool
	Redialled  bool
	Cut        bool // broken off by its client or the gateway while it ran
	Started    time.Time
	FirstByte  time.Duration // until the response head; 0 = none
	FirstToken time.Duration // until the first content of a stream; 0 = none
	Elapsed    time.Duration
	Usage      wire.Usage
	URL        string // without query
	ErrorBody  string // at most 1 KiB, scrubbed
}
