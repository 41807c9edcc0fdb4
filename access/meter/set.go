package meter

import (
	"cmp"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"weir/access"
	"weir/engine"
	"weir/engine/expr"
)

// set is every quota of one snapshot, by whom it is for.
type set struct {
	of            *access.Snapshot
	all           map[string]*quota // by id
	organisation  []*quota
	teams, keys   map[string][]*quota // by id
	names         *names
	bases         map[string]struct{} // the names of counters, up to the values of per
	longestWindow time.Duration
}

// newSet makes the quotas of a snapshot ready. Those that have not changed are taken from the set before.
func newSet(env *expr.Env, of *access.Snapshot, before *set) *set {
	s := &set{
		of: of, all: make(map[string]*quota, len(of.Budgets)+len(of.Limits)),
		teams: map[string][]*quota{}, keys: map[string][]*quota{}, bases: map[string]struct{}{},
	}
	if before == nil {
		before = &set{names: newNames()}
	}
	s.names = before.names
	c := &compiler{env: env}
	s.add(c, before, of.Limits, roleLimit)
	s.add(c, before, of.Budgets, roleBudget)
	for id, b := range of.Broken {
		if b.Kind == access.KindBudget || b.Kind == access.KindLimit { // nobody knows whom it was for
			q := &quota{def: &access.Quota{Meta: access.Meta{ID: b.ID}}, broken: errors.New(b.Reason)}
			s.all[id], s.organisation = q, append(s.organisation, q)
		}
	}
	return s
}

// covers reports whether the quotas of another snapshot are those of the set.
func (s *set) covers(other *access.Snapshot) bool {
	return s.of == other ||
		sameMap(s.of.Budgets, other.Budgets) && sameMap(s.of.Limits, other.Limits) && sameMap(s.of.Broken, other.Broken)
}

// sameMap reports whether two maps are one, which nothing changes.
func sameMap[V any](a, b map[string]V) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

func (s *set) add(c *compiler, before *set, defs map[string]*access.Quota, r role) {
	for _, def := range slices.SortedFunc(maps.Values(defs), func(a, b *access.Quota) int { return cmp.Compare(a.ID, b.ID) }) {
		// Of those that do not count now too: what was used is not forgotten until they count again.
		s.bases[counterOf(def)] = struct{}{}
		if w, err := newWindow(def.Window, def.Rolling, def.Timezone); err == nil {
			s.longestWindow = max(s.longestWindow, w.duration)
		}
		if def.Disabled {
			continue
		}
		q := before.all[def.ID]
		if q == nil || q.def != def {
			q = c.newQuota(def, r)
		}
		s.all[def.ID] = q
		switch {
		case def.AccessKeyID != "":
			s.keys[def.AccessKeyID] = append(s.keys[def.AccessKeyID], q)
		case def.TeamID != "":
			s.teams[def.TeamID] = append(s.teams[def.TeamID], q)
		default:
			s.organisation = append(s.organisation, q)
		}
	}
}

// broken lists the quotas that cannot be made ready and were not among those of the set before.
func (s *set) broken(before *set) []*quota {
	var out []*quota
	for id, q := range s.all {
		if q.broken != nil && (before == nil || before.all[id] == nil || before.all[id].broken == nil) {
			out = append(out, q)
		}
	}
	return out
}

// keyOf is the access key that a caller has proved, "" where it has none.
func keyOf(c *engine.Caller) string {
	if c.Kind == kindAccessKey {
		return c.ID
	}
	return ""
}

// kindAccessKey is the kind of callers with access keys.
const kindAccessKey = "access_key"

// collect appends the quotas that may apply to a caller: of its key, its team and the organisation.
func (s *set) collect(dst []entry, c *engine.Caller) []entry {
	add := func(list []*quota) {
		for _, q := range list {
			dst = append(dst, entry{quota: q})
		}
	}
	if len(s.keys) > 0 {
		if key := keyOf(c); key != "" {
			add(s.keys[key])
		}
	}
	if len(s.teams) > 0 && c.TeamID != "" {
		add(s.teams[c.TeamID])
	}
	add(s.organisation)
	return dst
}

// counts reports whether a counter is one of a quota of the set.
func (s *set) counts(counter string) bool {
	base, _, _ := strings.Cut(counter, separator)
	_, ok := s.bases[base]
	return ok
}
