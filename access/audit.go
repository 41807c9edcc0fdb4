package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"

	"weir/access/store"
)

// maxAudited is the most of one value that goes into the audit log: the longest text that a resource may have fits.
const maxAudited = 8 << 10

// difference is one field before and after.
type difference struct {
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
}

// differences compares two states of a resource, either of which may be nil, field by field. Secrets are told of, not told.
func differences(before, now Resource) (map[string]difference, error) {
	old, err := fields(before)
	if err != nil {
		return nil, err
	}
	next, err := fields(now)
	if err != nil {
		return nil, err
	}
	out := make(map[string]difference)
	for name, value := range old {
		if other := next[name]; !bytes.Equal(value, other) {
			out[name] = difference{Old: audited(name, value), New: audited(name, other)}
		}
	}
	for name, value := range next {
		if _, had := old[name]; !had {
			out[name] = difference{New: audited(name, value)}
		}
	}
	return out, nil
}

// fields are the fields of a resource but for those that every change sets.
func fields(r Resource) (map[string]json.RawMessage, error) {
	if r == nil {
		return nil, nil //nolint:nilnil // nothing has no fields
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("comparing %s: %w", r.Common().ID, err)
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("comparing %s: %w", r.Common().ID, err)
	}
	for _, name := range []string{"id", "created_at", "updated_at", "created_by", "updated_by", "revision", "static"} {
		delete(out, name)
	}
	return out, nil
}

// audited is a value as the audit log shows it.
func audited(name string, value json.RawMessage) json.RawMessage {
	switch {
	case value == nil:
		return nil
	case name == "sealed":
		return json.RawMessage(`"***"`)
	case name == "tokens":
		value = auditedTokens(value)
	case name == "webhook_url":
		value = auditedURL(value)
	}
	if len(value) > maxAudited {
		return json.RawMessage(fmt.Sprintf(`"(%d bytes)"`, len(value)))
	}
	return value
}

func auditedTokens(value json.RawMessage) json.RawMessage {
	var tokens []struct {
		Hint      string          `json:"hint"`
		ExpiresAt json.RawMessage `json:"expires_at,omitempty"`
	}
	if json.Unmarshal(value, &tokens) == nil {
		if out, err := json.Marshal(tokens); err == nil {
			return out
		}
	}
	return json.RawMessage(`"***"`)
}

// auditedURL shows where a webhook goes and not its path or query, which in many chat systems are its secret.
func auditedURL(value json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(value, &text) == nil {
		if u, err := url.Parse(text); err == nil {
			if out, err := json.Marshal(u.Scheme + "://" + u.Host + "/***"); err == nil {
				return out
			}
		}
	}
	return json.RawMessage(`"***"`)
}

// audit makes the line of the audit log for a change.
func (m *Manager) audit(a Actor, k Kind, c *change) (*store.AuditEntry, error) {
	fields, err := differences(c.before, c.now)
	if err != nil {
		return nil, err
	}
	detail, err := json.Marshal(struct {
		Name    string                `json:"name,omitempty"`
		Changes map[string]difference `json:"changes"`
	}{nameOf(c), fields})
	if err != nil {
		return nil, fmt.Errorf("encoding the audit entry: %w", err)
	}
	return &store.AuditEntry{
		Time: m.o.Now().UTC(), Actor: a.Name, Role: a.Role, Action: c.action, Kind: string(k), ObjectID: c.id,
		Remote: a.Remote, Detail: detail,
	}, nil
}

func nameOf(c *change) string {
	for _, r := range []Resource{c.now, c.before} {
		if r != nil {
			return r.Common().Name
		}
	}
	return ""
}
