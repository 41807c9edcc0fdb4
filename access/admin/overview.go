package admin

import (
	"math/big"
	"strings"
	"time"

	"weir/access/store"
)

// sumsOut is what usage adds up to.
type sumsOut struct {
	Cost        *string `json:"cost" doc:"USD of all attempts whose cost is known, as an exact decimal; null where none is."`
	CostUnknown int64   `json:"attemptsOfUnknownCost" doc:"Attempts that are not in cost because nobody knows theirs."`
	Requests    int64   `json:"requests"`
	Errors      int64   `json:"errors" doc:"Requests that failed."`
	Attempts    int64   `json:"attempts" doc:"Calls to providers, retries included."`
	Input       int64   `json:"inputTokens"`
	Output      int64   `json:"outputTokens"`
	Cached      int64   `json:"cacheReadTokens"`
}

type bucketOut struct {
	Start time.Time `json:"bucketStart" doc:"The UTC day."`
	Group string    `json:"groupKey"`
	sumsOut
}

type overviewOut struct {
	Buckets []bucketOut `json:"buckets"`
	Totals  sumsOut     `json:"totals"`
	URI     string      `json:"uri" doc:"Address of this page."`
}

// group is from the API's names of dimensions to the store's.
func group(by string) (dimension, tag string) {
	if name, ok := strings.CutPrefix(by, "tag:"); ok {
		return "tag", name
	}
	switch by {
	case "":
		return "provider", ""
	case "accessKey":
		return "access_key", ""
	default:
		return by, ""
	}
}

func showOverview(q *request) (*reply, error) {
	s, err := q.usageQuery()
	if err != nil {
		return nil, err
	}
	o := store.OverviewQuery{UsageQuery: s}
	dimension, tag := group(q.query["groupBy"])
	if tag != "" {
		if o.Tag != "" && o.Tag != tag {
			return nil, badField("tag", "is another than the one of groupBy")
		}
		o.Tag = tag
	}
	o.GroupBy = dimension
	buckets, err := q.Store.Overview(q.ctx, &o)
	if err != nil {
		return nil, err
	}
	out := overviewOut{Buckets: make([]bucketOut, 0, len(buckets)), URI: q.uri(pathOverview) + "?" + string(q.http.QueryArgs().QueryString())}
	var all store.Bucket
	total := new(big.Int)
	for i := range buckets {
		b := &buckets[i]
		out.Buckets = append(out.Buckets, bucketOut{Start: b.Day.UTC(), Group: b.Group, sumsOut: sums(b, big.NewInt(b.Cost))})
		total.Add(total, big.NewInt(b.Cost))
		all.CostUnknown += b.CostUnknown
		all.Requests += b.Requests
		all.Errors += b.Errors
		all.Attempts += b.Attempts
		all.Input += b.Input
		all.Output += b.Output
		all.Cached += b.Cached
	}
	out.Totals = sums(&all, total)
	return value(out)
}

// sums shows a bucket; its cost stands beside it, as that of many may be more than it holds.
func sums(b *store.Bucket, cost *big.Int) sumsOut {
	out := sumsOut{
		CostUnknown: b.CostUnknown, Requests: b.Requests, Errors: b.Errors, Attempts: b.Attempts, Input: b.Input, Output: b.Output,
		Cached: b.Cached,
	}
	if b.CostUnknown == 0 || b.CostUnknown < b.Attempts {
		text := decimal(cost, trillion)
		out.Cost = &text
	}
	return out
}
