package policies

import (
	"slices"

	"weir/engine"
	"weir/engine/diag"
)

// renaming is a key that people write, and what it is called here.
type renaming struct{ key, now string }

// phaseNames are phases under names that the model this language mirrors has given up, and under those that people try
// first.
func phaseNames() []renaming {
	return []renaming{
		{"inbound", keyRequest},
		{"outbound", keyResponse},
		{"on_connect", keyConnect},
		{"on_tls_request", keyConnect},
		{"on_event", keyEvent},
		{"rules", keyRequest},
		{"routes", keyRoute},
	}
}

// ruleKeys are keys of rules in other rule languages.
func ruleKeys() []renaming {
	return []renaming{
		{"if", "expressions"},
		{"when", "expressions"},
		{"condition", "expressions"},
		{"conditions", "expressions"},
		{"match", "expressions"},
		{"then", "actions"},
		{"do", "actions"},
	}
}

// routeKeys are keys of routes in the configuration of other gateways.
func routeKeys() []renaming {
	return []renaming{
		{"if", "expressions"},
		{"when", "expressions"},
		{"match", "expressions"},
		{"fallback", "failover"},
		{"fallbacks", "failover"},
		{"retry", "failover"},
		{"retries", "failover"},
		{"timeout", "total_timeout"},
		{"strategy", "model_selection"},
		{"models", "model_selection"},
		{"load_balance", "balance"},
	}
}

// renamedKeys reports the keys of a mapping that are called otherwise here.
func (c *compiler) renamedKeys(o *object, list []renaming) {
	for _, key := range o.n.Keys {
		name := key.Text.Value
		if slices.Contains(o.known, name) {
			continue
		}
		at := slices.IndexFunc(list, func(r renaming) bool { return r.key == name })
		if at < 0 {
			continue
		}
		o.skip(name)
		c.errorf(key, "renamed_key", "write "+list[at].now, "%q is called %q here", name, list[at].now)
	}
}

// renamedAction is what an action is called that documents of the mirrored model also write another way, "" for others.
func renamedAction(name string) string {
	switch name {
	case "oidc":
		return "openid-connect"
	case "webhook-validation", "webhook-verification":
		return "verify-webhook"
	case "ip-restriction", "ip-restrictions":
		return "restrict-ips"
	case "ai_gateway":
		return actionAIGateway
	default:
		return ""
	}
}

// renamedField is what a field of an action is called now, "" for fields that were not renamed.
func renamedField(action, field string) string {
	switch action + "." + field {
	case "custom-response.content":
		return "body"
	case "circuit-breaker.error_threshold_percentage":
		return "error_threshold"
	case "circuit-breaker.rolling_window":
		return "window_duration"
	default:
		return ""
	}
}

// deprecated warns of fields that are still read under a name that was given up.
func (b *ruleBuilder) deprecated(spec *engine.ActionSpec, config *engine.Node) {
	if config == nil {
		return
	}
	for _, key := range config.Keys {
		name := key.Text.Value
		now := renamedField(spec.Name, name)
		if now == "" || !slices.ContainsFunc(spec.Fields, func(f engine.Field) bool { return f.Name == name }) {
			continue
		}
		b.warnf(key, "deprecated_field", "write "+now, "the field %q of %s is called %q now", name, spec.Name, now)
	}
}

// renamed turns the unknown field of an action into one that is known under another name.
func renamed(action string, config *engine.Node, list diag.List) {
	if config == nil {
		return
	}
	for _, key := range config.Keys {
		now := renamedField(action, key.Text.Value)
		if now == "" {
			continue
		}
		for i := range list {
			if d := &list[i]; d.Code == "unknown_key" && d.Pos == key.Pos {
				d.Code, d.Hint = "renamed_key", "write "+now
			}
		}
	}
}
