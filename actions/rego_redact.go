package actions

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"weir/engine/content"
	"weir/engine/opa"
	"weir/engine/wire"
)

const (
	// maxRedactions bounds what one decision redacts: each pattern is matched against every text.
	maxRedactions = 64
	// maxRedactCache bounds the detectors that are kept. Most policies have a few lists; one that makes them of what it reads
	// has a new one for each request.
	maxRedactCache = 32
)

// redactCache keeps the detectors of decisions, which are compiled from the same lists again and again.
type redactCache struct {
	mu   sync.Mutex
	made map[string]*content.Detector
}

// redactor makes what does a decision's redactions in one exchange, nil where there are none.
func (c *redactCache) redactor(list []opa.Redaction) (*content.Redactor, error) {
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // no redactor and no problem
	}
	if len(list) > maxRedactions {
		return nil, fmt.Errorf("redact: %d entries are over the %d that one decision may have", len(list), maxRedactions)
	}
	with := make(map[string]string, len(list))
	for i := range list {
		if len(list[i].Replace) > maxTo {
			return nil, fmt.Errorf("redact: replace %d has %d bytes; at most %d are taken", i, len(list[i].Replace), maxTo)
		}
		if name := redactionName(&list[i], i); !hasKey(with, name) { // the first of several for an entity counts
			with[name] = list[i].Replace
		}
	}
	d, err := c.detector(list)
	if err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	return content.NewRedactor(d, wire.AllTextKinds, func(dst []byte, f content.Finding, _ string) ([]byte, error) {
		return append(dst, with[f.Entity]...), nil
	}), nil
}

func hasKey(m map[string]string, key string) bool {
	_, ok := m[key]
	return ok
}

// redactionName is how the detector names what a redaction is about.
func redactionName(r *opa.Redaction, i int) string {
	if r.Entity != "" {
		return r.Entity
	}
	return "redact " + strconv.Itoa(i)
}

// detector makes the detector of a list, or finds it.
func (c *redactCache) detector(list []opa.Redaction) (*content.Detector, error) {
	key := redactKey(list)
	c.mu.Lock()
	d := c.made[key]
	c.mu.Unlock()
	if d != nil {
		return d, nil
	}
	var cfg content.DetectorConfig
	for i := range list {
		r := &list[i]
		switch {
		case r.Entity != "":
			if !slices.Contains(cfg.Entities, r.Entity) {
				cfg.Entities = append(cfg.Entities, r.Entity)
			}
		case r.Text != "":
			cfg.Patterns = append(cfg.Patterns, content.CustomPattern{Name: redactionName(r, i), Pattern: regexp.QuoteMeta(r.Text)})
		default:
			cfg.Patterns = append(cfg.Patterns, content.CustomPattern{Name: redactionName(r, i), Pattern: r.Pattern})
		}
	}
	d, err := content.NewDetector(cfg)
	if err != nil {
		return nil, fmt.Errorf("compiling: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil || len(c.made) >= maxRedactCache {
		c.made = make(map[string]*content.Detector, maxRedactCache)
	}
	c.made[key] = d
	return d, nil
}

// redactKey tells lists apart by what they look for.
func redactKey(list []opa.Redaction) string {
	var b strings.Builder
	for i := range list {
		r := &list[i]
		for _, s := range [...]string{r.Entity, r.Text, r.Pattern} {
			b.WriteString(strconv.Itoa(len(s)))
			b.WriteByte(':')
			b.WriteString(s)
		}
	}
	return b.String()
}
