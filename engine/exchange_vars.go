package engine

import (
	"crypto/tls"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mileusna/useragent"

	"weir/engine/price"
	"weir/engine/vars"
)

// Var gives expressions the value of a variable. A variable of the body loads it; when that fails the value is null and
// the rule ends with the body's error.
func (x *Exchange) Var(id vars.ID) vars.Value {
	if int(id) < len(varReaders) {
		if read := varReaders[id]; read != nil {
			return read(x)
		}
	}
	return vars.Null()
}

// reader reads one variable of an exchange.
type reader func(*Exchange) vars.Value

// varReaders has one reader per variable, by id; nothing changes it.
var varReaders = allReaders()

// allReaders adds to the readers below those of the families of variables, which are found by their paths.
func allReaders() [vars.Count]reader {
	all := listedReaders
	add := func(path string, read reader) {
		if v, ok := vars.ByPath(path); ok {
			all[v.ID] = read
		}
	}
	addCertReaders(add)
	addIPReaders(add)
	return all
}

// listedReaders has the readers of the variables with ids of their own.
var listedReaders = [vars.Count]reader{
	vars.ReqID:            func(x *Exchange) vars.Value { return vars.String(x.Request.ID) },
	vars.ReqMethod:        func(x *Exchange) vars.Value { return vars.String(x.Request.Method) },
	vars.ReqHost:          func(x *Exchange) vars.Value { return vars.String(hostOnly(x.Request.Host)) },
	vars.ReqLocation:      func(x *Exchange) vars.Value { return vars.String(x.Request.Headers.First("location")) },
	vars.ReqVersion:       func(x *Exchange) vars.Value { return vars.String(x.Request.Version) },
	vars.ReqHeaders:       func(x *Exchange) vars.Value { return vars.Multi(&x.Request.Headers) },
	vars.ReqCookies:       func(x *Exchange) vars.Value { return vars.Multi(parseCookies(x.Request.Headers)) },
	vars.ReqContentLength: func(x *Exchange) vars.Value { return vars.Int(max(x.Request.ContentLength, 0)) },
	vars.ReqContentEncoding: func(x *Exchange) vars.Value {
		return vars.Strings(listValues(x.Request.Headers, "content-encoding"))
	},
	vars.ReqContentType: func(x *Exchange) vars.Value {
		return vars.String(mediaType(x.Request.Headers.First("content-type")))
	},
	vars.ReqContentTypeParameters: func(x *Exchange) vars.Value {
		return vars.Dyn(mediaParams(x.Request.Headers.First("content-type")))
	},
	vars.ReqContentTypeRaw: func(x *Exchange) vars.Value {
		return vars.String(x.Request.Headers.First("content-type"))
	},
	vars.ReqTrailers:     func(x *Exchange) vars.Value { return vars.Multi(new(x.facts().Trailers)) },
	vars.ReqURL:          func(x *Exchange) vars.Value { return vars.String(x.Request.normalURL()) },
	vars.ReqURLAuthority: func(x *Exchange) vars.Value { return vars.String(x.Request.Host) },
	vars.ReqURLHost:      func(x *Exchange) vars.Value { return vars.String(hostOnly(x.Request.Host)) },
	vars.ReqURLPort:      func(x *Exchange) vars.Value { return vars.Int(x.Request.port()) },
	vars.ReqURLPath:      func(x *Exchange) vars.Value { return vars.String(x.Request.Path) },
	vars.ReqURLRawPath:   func(x *Exchange) vars.Value { return vars.String(x.Request.RawPath) },
	vars.ReqURLQuery:     func(x *Exchange) vars.Value { return vars.String(x.Request.Query) },
	vars.ReqURLQueryParams: func(x *Exchange) vars.Value {
		return vars.Multi(parseQuery(x.Request.Query))
	},
	vars.ReqURLRaw: func(x *Exchange) vars.Value {
		return vars.String(x.Request.Scheme + "://" + x.Request.Host + x.Request.uri())
	},
	vars.ReqURLScheme:        func(x *Exchange) vars.Value { return vars.String(x.Request.Scheme) },
	vars.ReqURLURI:           func(x *Exchange) vars.Value { return vars.String(x.Request.uri()) },
	vars.ReqUserAgent:        func(x *Exchange) vars.Value { return vars.String(x.Request.Headers.First("user-agent")) },
	vars.ReqTSHeaderReceived: func(x *Exchange) vars.Value { return vars.Time(x.Request.Received) },
	vars.ReqTSBodyReceived:   func(x *Exchange) vars.Value { return timeOf(x.facts().BodyReceived) },
	vars.ReqURLUserPassword:  func(*Exchange) vars.Value { return vars.String("") }, // the server refuses them
	vars.ReqBody:             (*Exchange).requestJSON,

	vars.ReqUserAgentName:      agentText(func(a *useragent.UserAgent) string { return a.Name }),
	vars.ReqUserAgentVersion:   agentText(func(a *useragent.UserAgent) string { return a.Version }),
	vars.ReqUserAgentOS:        agentText(func(a *useragent.UserAgent) string { return a.OS }),
	vars.ReqUserAgentOSVersion: agentText(func(a *useragent.UserAgent) string { return a.OSVersion }),
	vars.ReqUserAgentDevice:    agentText(func(a *useragent.UserAgent) string { return a.Device }),
	vars.ReqUserAgentURL:       agentText(func(a *useragent.UserAgent) string { return a.URL }),
	vars.ReqUserAgentIsMobile:  agentIs(func(a *useragent.UserAgent) bool { return a.Mobile }),
	vars.ReqUserAgentIsTablet:  agentIs(func(a *useragent.UserAgent) bool { return a.Tablet }),
	vars.ReqUserAgentIsDesktop: agentIs(func(a *useragent.UserAgent) bool { return a.Desktop }),
	vars.ReqUserAgentIsBot:     agentIs(func(a *useragent.UserAgent) bool { return a.Bot }),

	vars.ConnClientIP:   func(x *Exchange) vars.Value { return vars.String(x.clientIP()) },
	vars.ConnClientPort: func(x *Exchange) vars.Value { return vars.Int(int64(x.Conn.Client.Port())) },
	vars.ConnServerIP: func(x *Exchange) vars.Value {
		return vars.String(x.Conn.Server.Addr().Unmap().String())
	},
	vars.ConnServerPort:   func(x *Exchange) vars.Value { return vars.Int(int64(x.Conn.Server.Port())) },
	vars.ConnTSStart:      func(x *Exchange) vars.Value { return vars.Time(x.Conn.Start) },
	vars.ConnBytesIn:      func(x *Exchange) vars.Value { return vars.Int(x.facts().BytesIn) },
	vars.ConnBytesOut:     func(x *Exchange) vars.Value { return vars.Int(x.facts().BytesOut) },
	vars.ConnServerRegion: func(x *Exchange) vars.Value { return vars.String(x.facts().Region) },
	vars.ConnTLSJA4Fingerprint: func(x *Exchange) vars.Value {
		return x.tlsVar(func(*tls.ConnectionState) string { return x.facts().JA4 })
	},
	vars.ConnTLSSessionResumed: func(x *Exchange) vars.Value { return vars.Bool(x.Conn.TLS != nil && x.Conn.TLS.DidResume) },
	vars.ConnTLSSNI: func(x *Exchange) vars.Value {
		return x.tlsVar(func(s *tls.ConnectionState) string { return s.ServerName })
	},
	vars.ConnTLSVersion: func(x *Exchange) vars.Value {
		return x.tlsVar(func(s *tls.ConnectionState) string { return strings.TrimPrefix(tls.VersionName(s.Version), "TLS ") })
	},
	vars.ConnTLSCipherSuite: func(x *Exchange) vars.Value {
		return x.tlsVar(func(s *tls.ConnectionState) string { return tls.CipherSuiteName(s.CipherSuite) })
	},
	vars.ConnTLSNegotiatedALPN: func(x *Exchange) vars.Value {
		return x.tlsVar(func(s *tls.ConnectionState) string { return s.NegotiatedProtocol })
	},
	vars.EndpointAddr:     func(x *Exchange) vars.Value { return vars.String(x.endpoint().Addr) },
	vars.EndpointHost:     func(x *Exchange) vars.Value { return vars.String(x.endpoint().Host) },
	vars.EndpointID:       func(x *Exchange) vars.Value { return vars.String(x.endpoint().ID) },
	vars.EndpointProtocol: func(x *Exchange) vars.Value { return vars.String(x.endpoint().Protocol) },
	vars.EndpointURL:      func(x *Exchange) vars.Value { return vars.String(x.endpoint().URL) },
	vars.EndpointPort:     func(x *Exchange) vars.Value { return vars.Int(int64(x.endpoint().Port)) },

	vars.TimeNow:     func(x *Exchange) vars.Value { return vars.String(x.now().UTC().Format(time.RFC3339)) },
	vars.TimeHour:    func(x *Exchange) vars.Value { return vars.Int(int64(x.localTime().Hour())) },
	vars.TimeWeekday: func(x *Exchange) vars.Value { return vars.Int(int64(x.localTime().Weekday())) },
	vars.TimeDate:    func(x *Exchange) vars.Value { return vars.String(x.localTime().Format(time.DateOnly)) },
	vars.Vars:        func(x *Exchange) vars.Value { return vars.Dyn(x.vars) },
	vars.Actions:     func(x *Exchange) vars.Value { return vars.Dyn(x.actionResults()) },

	vars.AIAPI: func(x *Exchange) vars.Value { return vars.String(x.Request.API.String()) },
	vars.AIRequestModel: func(x *Exchange) vars.Value {
		_ = x.needBody()
		return vars.String(x.Request.model())
	},
	vars.AIRequestModels: func(x *Exchange) vars.Value {
		_ = x.needBody()
		return vars.Strings(x.Request.appendModels(nil))
	},
	vars.AIRequestStream: func(x *Exchange) vars.Value {
		_ = x.needBody()
		return vars.Bool(x.Request.streaming())
	},
	vars.AIRequestInputTokens: func(x *Exchange) vars.Value {
		_ = x.needBody()
		return vars.Int(x.inputTokens())
	},
	vars.AIRequestMaxOutputTokens: func(x *Exchange) vars.Value {
		_ = x.needBody()
		return vars.Int(x.Request.Peek.MaxOutputTokens)
	},
	vars.AIRequestUser: func(x *Exchange) vars.Value {
		_ = x.needBody()
		return vars.String(x.Request.Peek.User)
	},

	vars.AIRequestMessages:    func(x *Exchange) vars.Value { return vars.Dyn(x.messageList()) },
	vars.AIRequestSystem:      func(x *Exchange) vars.Value { return vars.String(x.conversation().System()) },
	vars.AIRequestTools:       func(x *Exchange) vars.Value { return vars.Dyn(x.toolList()) },
	vars.AIRequestHasTools:    func(x *Exchange) vars.Value { return vars.Bool(len(x.conversation().Tools) > 0) },
	vars.AIRequestHasImages:   func(x *Exchange) vars.Value { return vars.Bool(x.conversation().HasImages()) },
	vars.AIRequestWantsJSON:   func(x *Exchange) vars.Value { return vars.Bool(x.settings().Format.JSON()) },
	vars.AIRequestTemperature: func(x *Exchange) vars.Value { return numberValue(x.settings().Temperature) },
	vars.AIRequestTopP:        func(x *Exchange) vars.Value { return numberValue(x.settings().TopP) },
	vars.AIRequestChoices:     func(x *Exchange) vars.Value { return vars.Int(x.choices()) },
	vars.AIRequestReasoningEffort: func(x *Exchange) vars.Value {
		return vars.String(x.settings().Effort)
	},

	vars.AIModels:    func(x *Exchange) vars.Value { return vars.Object(x.reachableEntries()) },
	vars.AIProviders: func(x *Exchange) vars.Value { return vars.Object(x.plan.universe.providerEntries()) },
	vars.AIAuthors:   func(x *Exchange) vars.Value { return vars.Object(x.plan.universe.authorEntries()) },

	vars.AttemptModel:    attemptReader(func(a *Attempt) vars.Value { return vars.String(a.Model) }),
	vars.AttemptProvider: attemptReader(func(a *Attempt) vars.Value { return vars.String(a.Provider) }),
	vars.AttemptStatus:   attemptReader(func(a *Attempt) vars.Value { return vars.Int(int64(a.Status)) }),
	vars.AttemptError:    attemptReader(func(a *Attempt) vars.Value { return vars.String(string(a.Code)) }),
	vars.AttemptRetryable: attemptReader(func(a *Attempt) vars.Value {
		return vars.Bool(a.Retryable)
	}),
	vars.AttemptNumber:    attemptReader(func(a *Attempt) vars.Value { return vars.Int(int64(a.Number)) }),
	vars.AttemptElapsedMS: attemptReader(func(a *Attempt) vars.Value { return vars.Int(a.Elapsed.Milliseconds()) }),
	vars.Attempts:         func(x *Exchange) vars.Value { return vars.Dyn(x.attemptList()) },

	vars.CallerID:                 func(x *Exchange) vars.Value { return vars.String(x.Caller.ID) },
	vars.CallerName:               func(x *Exchange) vars.Value { return vars.String(x.Caller.Name) },
	vars.CallerKind:               func(x *Exchange) vars.Value { return vars.String(x.Caller.kind()) },
	vars.CallerTeam:               func(x *Exchange) vars.Value { return vars.String(x.Caller.Team) },
	vars.CallerTags:               func(x *Exchange) vars.Value { return vars.Dyn(x.tagMap()) },
	vars.CallerBudgetLimitUSD:     budgetReader(func(v *MeterView) price.USD { return v.Limit }),
	vars.CallerBudgetSpentUSD:     budgetReader(func(v *MeterView) price.USD { return v.Spent }),
	vars.CallerBudgetRemainingUSD: budgetReader(func(v *MeterView) price.USD { return v.Remain }),
	vars.CallerBudgetUsedPercent:  (*Exchange).budgetPercent,
	vars.CallerLimits:             (*Exchange).limitList,
	vars.CallerGroups:             func(x *Exchange) vars.Value { return vars.Strings(x.Caller.Groups) },
	vars.CallerMetadata:           func(x *Exchange) vars.Value { return vars.Dyn(x.Caller.Metadata) },

	vars.ResStatusCode:  func(x *Exchange) vars.Value { return vars.Int(int64(x.Reply.Status)) },
	vars.ResHeaders:     func(x *Exchange) vars.Value { return vars.Multi(&x.Reply.Headers) },
	vars.ResContentType: func(x *Exchange) vars.Value { return vars.String(mediaType(x.Reply.Headers.First("content-type"))) },
	vars.ResContentTypeParameters: func(x *Exchange) vars.Value {
		return vars.Dyn(mediaParams(x.Reply.Headers.First("content-type")))
	},
	vars.ResContentTypeRaw: func(x *Exchange) vars.Value { return vars.String(x.Reply.Headers.First("content-type")) },
	vars.ResContentLength: func(x *Exchange) vars.Value {
		if x.Reply.Stream != nil {
			return vars.Int(0)
		}
		return vars.Int(int64(len(x.Reply.Body)))
	},
	vars.ResContentEncoding: func(x *Exchange) vars.Value {
		return vars.Strings(listValues(x.Reply.Headers, "content-encoding"))
	},
	vars.ResLocation:            func(x *Exchange) vars.Value { return vars.String(x.Reply.Headers.First("location")) },
	vars.AIResponseModel:        attemptReader(func(a *Attempt) vars.Value { return vars.String(a.Model) }),
	vars.AIResponseProvider:     attemptReader(func(a *Attempt) vars.Value { return vars.String(a.Provider) }),
	vars.AIResponseFinishReason: func(x *Exchange) vars.Value { return vars.String(x.finishReason()) },
	vars.AIResponseText:         func(x *Exchange) vars.Value { return vars.String(x.replyText()) },
	vars.AIResponseToolCalls:    func(x *Exchange) vars.Value { return vars.Dyn(x.replyCalls()) },
	vars.AIResponseCostUSD:      (*Exchange).costValue,
	vars.ResTrailers:            func(*Exchange) vars.Value { return vars.Multi(&Headers{}) },
	vars.ResCookies:             func(x *Exchange) vars.Value { return vars.Multi(setCookies(x.Reply.Headers)) },
	vars.ResBody:                (*Exchange).replyJSON,
	vars.ResTSHeaderReceived:    func(x *Exchange) vars.Value { return timeOf(x.headTime()) },
	vars.ResTSBodyReceived:      func(x *Exchange) vars.Value { return timeOf(x.answerTime()) },

	vars.AIResponseUsageInputTokens:      func(x *Exchange) vars.Value { return vars.Int(x.usage.Input) },
	vars.AIResponseUsageOutputTokens:     func(x *Exchange) vars.Value { return vars.Int(x.usage.Output) },
	vars.AIResponseUsageCacheReadTokens:  func(x *Exchange) vars.Value { return vars.Int(x.usage.CacheRead) },
	vars.AIResponseUsageCacheWriteTokens: func(x *Exchange) vars.Value { return vars.Int(x.usage.CacheWrite) },
	vars.AIResponseUsageReasoningTokens:  func(x *Exchange) vars.Value { return vars.Int(x.usage.Reasoning) },
}

func attemptReader(read func(*Attempt) vars.Value) reader {
	return func(x *Exchange) vars.Value {
		if x.current == nil {
			return read(&Attempt{})
		}
		return read(x.current)
	}
}

// needBody loads the body for a variable; the rule runner reports what went wrong.
func (x *Exchange) needBody() error {
	if x.loaded {
		return x.bodyErr
	}
	return x.LoadBody()
}

func (x *Exchange) endpoint() *Endpoint {
	if x.Endpoint == nil {
		return &Endpoint{}
	}
	return x.Endpoint
}

func (x *Exchange) tlsVar(read func(*tls.ConnectionState) string) vars.Value {
	if x.Conn.TLS == nil {
		return vars.String("")
	}
	return vars.String(read(x.Conn.TLS))
}

func (x *Exchange) clientIP() string {
	if x.Conn.ClientText == "" {
		x.Conn.ClientText = x.formatClientIP()
	}
	return x.Conn.ClientText
}

func (x *Exchange) formatClientIP() string {
	if x.Conn.ClientIP.IsValid() {
		return x.Conn.ClientIP.Unmap().String()
	}
	if a := x.Conn.Client.Addr(); a.IsValid() {
		return a.Unmap().String()
	}
	return ""
}

// now is the time by the gateway's clock, which tests may set.
func (x *Exchange) now() time.Time {
	if x.plan == nil {
		return time.Now()
	}
	return x.plan.rt.now()
}

func (x *Exchange) localTime() time.Time {
	now := x.now().UTC()
	if x.plan != nil && x.plan.location != nil {
		return now.In(x.plan.location)
	}
	return now
}

// actionResults is what actions.* reads: every result under its own name and again under ngrok.
func (x *Exchange) actionResults() map[string]any {
	all := make(map[string]any, len(x.results)+2)
	for name, fields := range x.results {
		all[name] = fields
	}
	if x.trace != nil {
		all["ai_gateway"] = x.trace.value(x)
	}
	all["ngrok"] = maps.Clone(all)
	return all
}

func (x *Exchange) attemptList() []any {
	out := make([]any, len(x.attempts))
	for i := range x.attempts {
		a := &x.attempts[i]
		out[i] = map[string]any{
			"model": a.Model, "provider": a.Provider, "status": int64(a.Status), "error": string(a.Code),
			"retryable": a.Retryable, "number": int64(a.Number), "elapsed_ms": a.Elapsed.Milliseconds(),
		}
	}
	return out
}

func (c *Caller) kind() string {
	if c.Kind == "" {
		return "anonymous"
	}
	return c.Kind
}

func (r *Request) uri() string {
	if r.Query == "" {
		return r.RawPath
	}
	return r.RawPath + "?" + r.Query
}

func (r *Request) port() int64 {
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		if n, err := strconv.ParseInt(port, 10, 32); err == nil {
			return n
		}
	}
	if r.Scheme == "https" {
		return 443
	}
	return 80
}

// model is the model the client named first, "" where it named none.
func (r *Request) model() string {
	if r.PathModel != "" {
		return r.PathModel
	}
	return r.Peek.Model
}

// appendModels appends every model the client named, in its order.
func (r *Request) appendModels(dst []string) []string {
	if first := r.model(); first != "" {
		dst = append(dst, first)
	}
	return append(dst, r.Peek.Models...)
}

func (r *Request) streaming() bool { return r.PathStream || r.Peek.Stream }

func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
