package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"weir/engine"
)

// AccessAPI is the Admin API of access keys, budgets and usage, on the admin listener.
type AccessAPI interface {
	// Serve answers the request, whose token it proves itself, or reports false for paths that are not its own.
	Serve(ctx *fasthttp.RequestCtx) bool
	// Role tells what the request's token may do; a token that is not good has the role "". Whoever sent too many of those
	// has to wait.
	Role(ctx *fasthttp.RequestCtx) (role string, wait time.Duration)
}

// AccessStats is how the state of access keys is doing.
type AccessStats interface {
	// Ready reports whether the store was read since the start.
	Ready() bool
	// Metrics appends gauges for /-/metrics.
	Metrics(add func(name, help string, value int64))
}

// The roles of the admin listener.
const (
	roleAdmin   = "admin"
	roleEditor  = "editor"
	roleViewer  = "viewer"
	roleAuditor = "auditor"
)

// mayRead and mayWrite say who may see the policy and metrics, and who may change which policy is in use.
func mayRead(role string) bool {
	return slices.Contains([]string{roleAdmin, roleEditor, roleViewer, roleAuditor}, role)
}

func mayWrite(role string) bool { return role == roleAdmin || role == roleEditor }

// role is what the request's token may do. Without access keys there is one token, whose hash is compared, so that the time
// taken tells nothing about it.
func (g *Gateway) role(ctx *fasthttp.RequestCtx) (role string, wait time.Duration) {
	if g.api != nil {
		return g.api.Role(ctx) // which knows the gateway's own token too
	}
	value := string(ctx.Request.Header.Peek("Authorization"))
	scheme, token, _ := strings.Cut(value, " ")
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(g.token))
	if strings.EqualFold(scheme, "bearer") && token != "" && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		return roleAdmin, 0
	}
	return "", 0
}

// whoMayNot refuses a request without a good token.
func whoMayNot(ctx *fasthttp.RequestCtx, wait time.Duration) error {
	if wait > 0 {
		seconds := int64((wait + time.Second - 1) / time.Second)
		ctx.Response.Header.Set("Retry-After", strconv.FormatInt(seconds, 10))
		return engine.Errorf(engine.CodeRateLimited, "too many wrong tokens came from this address")
	}
	ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
	return engine.Errorf(engine.CodeUnauthorized, "the admin listener wants its bearer token")
}

// appendAccessMetrics appends how the store and the counters are.
func appendAccessMetrics(b []byte, s AccessStats) []byte {
	if s == nil {
		return b
	}
	s.Metrics(func(name, help string, value int64) {
		b = appendFamily(b, name, "gauge", help)
		b = append(b, name+" "+strconv.FormatInt(value, 10)+"\n"...)
	})
	return b
}
