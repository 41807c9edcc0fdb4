package expr

import (
	"testing"

	"weir/engine/catalog"
	"weir/engine/vars"
)

// flat is a Source without a map, as the exchange is one.
type flat struct{ values [vars.Count]vars.Value }

func (f *flat) Var(id vars.ID) vars.Value { return f.values[id] }

// one is a MultiMap that looks through a short list, as headers do.
type one struct {
	names  []string
	values []string
}

func (h *one) First(name string) string {
	for i, n := range h.names {
		if n == name {
			return h.values[i]
		}
	}
	return ""
}

func (h *one) Values(name string) []string {
	for i, n := range h.names {
		if n == name {
			return h.values[i : i+1]
		}
	}
	return nil
}
func (h *one) Has(name string) bool { return len(h.Values(name)) > 0 }
func (h *one) Names() []string      { return h.names }

func flatSource() *flat {
	f := &flat{}
	for id, v := range fixtureSource() {
		f.values[id] = v
	}
	f.values[vars.ReqHeaders] = vars.Multi(&one{
		names:  []string{"host", "user-agent", "accept", "x-tier"},
		values: []string{"a", "b", "c", "gold"},
	})
	return f
}

func benchExprs() []string {
	return []string{
		"req.method == 'POST'",
		"req.headers['x-tier'][0] == 'gold'",
		"req.url.path.startsWith('/v1/') && ai.request.model == 'gpt-4o'",
		"inCidrRange(conn.client_ip, '10.0.0.0/8')",
		"vars.tier == 'gold'",
		"req.headers['x-tier'].exists(h, h == 'gold')",
	}
}

func BenchmarkPredicate(b *testing.B) {
	e := newEnv(b, Options{})
	src := flatSource()
	for _, expr := range benchExprs() {
		p, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: expr}})
		if len(diags) > 0 {
			b.Fatal(diags)
		}
		b.Run("match/"+expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := p.Match(src); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
		b.Run("cel/"+expr, func(b *testing.B) {
			b.ReportAllocs()
			u := p.conditions[0].unit
			for b.Loop() {
				if ok, err := u.matches(bindings{src: src}); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func BenchmarkStrategy(b *testing.B) {
	e := newEnv(b, Options{})
	src := flatSource()
	const copies = 60 // 360 models, about a full catalog
	models := make([]*catalog.Model, 0, copies*len(fixtureModels()))
	for range copies {
		models = append(models, fixtureModels()...)
	}
	for _, expr := range []string{
		"ai.models.filter(m, m.provider_id == 'openai')",
		"ai.models.filter(m, m.metrics.global.error_rate.total < 0.05)",
		"ai.models.sortBy('price')",
		"ai.models.sortBy(m, m.metrics.global.latency.upstream_ms_avg)",
	} {
		s, diags := e.Strategy(Text{Value: expr})
		if len(diags) > 0 {
			b.Fatal(diags)
		}
		b.Run("select/"+expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Select(src, models); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("cel/"+expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.interpret(src, models); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	e := newEnv(b, Options{})
	for b.Loop() {
		if _, diags := e.Predicate(vars.PhaseRequest, []Text{{Value: "req.headers['x-tier'][0] == 'gold' && req.method == 'POST'"}}); len(diags) > 0 {
			b.Fatal(diags)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		newEnv(b, Options{})
	}
}
