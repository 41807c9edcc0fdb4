package policies

import (
	"slices"
	"time"

	"weir/engine"
	"weir/engine/diag"
	"weir/engine/expr"
	"weir/engine/vars"
)

// phase names of a document.
const (
	keyConnect  = "on_tcp_connect"
	keyRequest  = "on_request"
	keyRoute    = "route"
	keyResponse = "on_response"
	keyEvent    = "on_event_stream_message"
)

// phaseKeys are the phases of a document in the order they run, each with the other name it is read under.
func phaseKeys() [][2]string {
	return [][2]string{
		{keyConnect, ""},
		{keyRequest, "on_http_request"},
		{keyRoute, ""},
		{keyResponse, "on_http_response"},
		{keyEvent, ""},
	}
}

// section is one document of a policy with its phases.
type section struct {
	o      *object
	phases map[string]*engine.Node
}

// documents compiles the documents of a policy as one: the rules of each phase in the order of the documents.
func (c *compiler) documents(roots []*engine.Node) {
	sections := make([]section, 0, len(roots))
	var zoned *engine.Node
	for _, root := range roots {
		if root.Kind != engine.NodeMap {
			c.errorf(root, "wrong_type", "", "a policy must be a mapping, got %s", root.Describe())
			continue
		}
		s := section{o: c.object(root, "a policy"), phases: map[string]*engine.Node{}}
		s.o.skip(keyInclude) // read by the loader
		zoned = c.timeZone(s.o, zoned)
		sections = append(sections, s)
	}
	if c.diags.HasErrors() && len(sections) == 0 {
		return
	}
	env, err := expr.New(c.exprOptions())
	if err != nil {
		c.errorf(roots[len(roots)-1], "internal", "", "expressions cannot be compiled: %v", err)
		return
	}
	c.env, c.names = env, map[string]diag.Pos{}
	c.rego(sections)
	taken := &names{c: c, code: "duplicate_provider", what: "provider"}
	for _, s := range sections {
		c.out.cfg.Providers = append(c.out.cfg.Providers, c.providers(s.o, taken)...)
		c.top(s)
	}
	c.phases(sections)
}

// top reads the phases of one document, and what else stands at its top.
func (c *compiler) top(s section) {
	for _, key := range phaseKeys() {
		s.phases[key[0]] = c.phaseRules(s.o, key[0], key[1])
	}
	c.renamedKeys(s.o, phaseNames())
	s.o.close()
}

// phases compiles the rules of all documents, phase by phase.
func (c *compiler) phases(sections []section) {
	cfg := &c.out.cfg
	routed := false
	each := func(key string, compile func(*engine.Node)) {
		for _, s := range sections {
			if n := s.phases[key]; n != nil {
				compile(n)
			}
		}
	}
	each(keyConnect, func(n *engine.Node) {
		c.rules(n, ruleSite{keyConnect, vars.PhaseTCPConnect, vars.PhaseTCPConnect}, &cfg.OnConnect)
	})
	each(keyRequest, func(n *engine.Node) {
		c.rules(n, ruleSite{keyRequest, vars.PhaseRequest, vars.PhaseRequest}, &cfg.OnRequest)
	})
	each(keyRoute, func(n *engine.Node) {
		routed = true
		c.routes(n)
	})
	c.flow.routed()
	c.reach = reach{} // what ended on_request was answered, and on_response runs on answers
	each(keyResponse, func(n *engine.Node) {
		c.rules(n, ruleSite{keyResponse, vars.PhaseResponse, vars.PhaseResponse}, &cfg.OnResponse)
	})
	each(keyEvent, func(n *engine.Node) {
		c.rules(n, ruleSite{keyEvent, vars.PhaseResponse, vars.PhaseEvent}, &cfg.OnEvent)
	})
	c.finish(routed)
}

// phaseRules returns the rules of a phase, which may stand under one of two names.
func (c *compiler) phaseRules(o *object, name, alias string) *engine.Node {
	n := o.filled(name)
	if alias == "" {
		return n
	}
	other := o.filled(alias)
	if n != nil && other != nil {
		c.errorf(other, "duplicate_phase", "put all rules under one of the names", "%s and %s are the same phase", alias, name)
	}
	if n == nil {
		return other
	}
	return n
}

// timeZone reads time_zone, which holds for all documents; zoned is where it was set before.
func (c *compiler) timeZone(o *object, zoned *engine.Node) *engine.Node {
	zone, n := o.str("time_zone"), o.get("time_zone")
	if zone == "" {
		return zoned
	}
	loc, err := time.LoadLocation(zone)
	switch {
	case err != nil || zone == "Local":
		c.errorf(n, "bad_time_zone", "a name such as Europe/Berlin", "there is no time zone %q", zone)
	case zoned != nil && zoned.Text.Value != zone:
		c.errorf(n, "bad_time_zone", "all documents of a policy share one", "the time zone is %q in %s already", zoned.Text.Value, place(zoned.Pos, n.Pos))
	default:
		c.out.cfg.Location = loc
	}
	return n
}

// finish resolves what is known only when everything was compiled.
func (c *compiler) finish(nativeRoute bool) {
	cfg := &c.out.cfg
	c.flow.resolve()
	cfg.RoutesByAction = c.flow.routesByAction && !nativeRoute
	cfg.ReadsActions = c.flow.readActions()
	cfg.TraceRoute = slices.Contains(cfg.ReadsActions, resultAIGateway)
	cfg.Authenticates = c.flow.authenticates
	if !c.flow.always { // those for whom no condition holds are let in as anybody
		for _, s := range c.flow.sometimes {
			c.except("conditional_authentication", s.rule, s.action, s.at)
		}
	}
}
