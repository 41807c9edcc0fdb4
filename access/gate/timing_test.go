package gate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"weir/access"
	"weir/access/seal"
)

// TestTimesAreAlike: nobody learns from the clock what is wrong with a token. Tokens of a kind come in short runs, of which the
// first are not measured: otherwise the kinds that go a way through the code less often than others pay some 30 ns for
// branches that the processor expects to go the other way, which changes with the mix and says nothing of a token.
func TestTimesAreAlike(t *testing.T) {
	f := newFixture(t)
	kinds := []string{"wrong", "unknown", "expired", "disabled", "network"}
	f.add(1, nil)
	tokens := []string{
		seal.NewToken(id(1)), seal.NewToken(id(77)),
		f.add(2, func(k *access.AccessKey) { k.ExpiresAt = in(-time.Hour) }),
		f.add(3, func(k *access.AccessKey) { k.Disabled = true }),
		f.add(4, func(k *access.AccessKey) { k.AllowedNetworks = []string{"10.0.0.0/8"} }),
	}
	for n := range 500 {
		f.add(100+n, nil)
	}
	f.apply()
	f.gate.o.Now = time.Now
	const runs, warm, measured = 100, 10, 10 // a thousand of each kind
	var worst string
	for range 3 {
		times := make([][]float64, len(kinds))
		x := exchange("192.0.2.1")
		for range runs {
			for _, k := range rand.Perm(len(kinds)) {
				var mean float64
				for n := range warm + measured {
					began := time.Now()
					err := f.gate.Authenticate(x, tokens[k])
					spent := time.Since(began)
					if err == nil {
						t.Fatalf("a token that is %s passed", kinds[k])
					}
					x.Reset()
					x.Conn.ClientIP = netip.MustParseAddr("192.0.2.1")
					if n >= warm {
						mean += float64(spent) / measured
					}
				}
				times[k] = append(times[k], mean) // what follows each other closely is one sample
			}
		}
		if worst = differ(kinds, times); worst == "" {
			return
		}
	}
	t.Error(worst)
}

// differ names two kinds whose means are further apart than chance. The slowest tenth is left out everywhere: it is
// what the machine did meanwhile.
func differ(kinds []string, times [][]float64) string {
	mean, se := make([]float64, len(times)), make([]float64, len(times))
	for i, ts := range times {
		slices.Sort(ts)
		ts = ts[:len(ts)*9/10]
		for _, v := range ts {
			mean[i] += v / float64(len(ts))
		}
		for _, v := range ts {
			se[i] += (v - mean[i]) * (v - mean[i])
		}
		se[i] = math.Sqrt(se[i]/float64(len(ts)-1)) / math.Sqrt(float64(len(ts)))
	}
	for i := range times {
		for j := range i {
			if apart := math.Abs(mean[i] - mean[j]); apart > 3*math.Hypot(se[i], se[j]) {
				return fmt.Sprintf("%.0f %.0f: %s takes %.0f ns and %s %.0f ns, which is %.1f standard errors", mean, se, kinds[i], mean[i], kinds[j], mean[j],
					apart/math.Hypot(se[i], se[j]))
			}
		}
	}
	return ""
}
