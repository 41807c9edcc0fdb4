package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

type usageCmd struct {
	List     usageListCmd     `cmd:"" help:"List calls to providers, newest first."`
	Overview usageOverviewCmd `cmd:"" help:"Add up cost, requests and errors by day."`
}

const (
	usagePath    = "/usage"
	overviewPath = "/usage/overview"
	usageMember  = "aiGatewayUsage"
)

// usageFlags select calls.
type usageFlags struct {
	Since    string `default:"24h" placeholder:"TIME" help:"From when on: a time, a day, or a span back from now such as 24h or 7d."`
	Until    string `placeholder:"TIME" help:"Up to when; now, if not given."`
	Key      string `help:"Only this access key's: name or id."`
	Team     string `help:"Only this team's: name or id."`
	Provider string `help:"Only this provider's."`
	Model    string `help:"Only this model's."`
	Tag      string `placeholder:"NAME[:VALUE]" help:"Only calls with this tag."`
}

func (f *usageFlags) query(c *api) (url.Values, error) {
	out, now := url.Values{}, time.Now()
	since, err := parseTime(f.Since, now, -1)
	if err != nil {
		return nil, fmt.Errorf("--since: %w", err)
	}
	out.Set("startTime", since.UTC().Format(time.RFC3339))
	if f.Until != "" {
		until, err := parseTime(f.Until, now, -1)
		if err != nil {
			return nil, fmt.Errorf("--until: %w", err)
		}
		out.Set("endTime", until.UTC().Format(time.RFC3339))
	}
	for _, ref := range []struct {
		field, value string
		of           *resource
	}{{"accessKeyId", f.Key, accessKeys()}, {"teamId", f.Team, teams()}} {
		if ref.value == "" {
			continue
		}
		id, err := c.find(ref.of, ref.value)
		if err != nil {
			return nil, err
		}
		out.Set(ref.field, id)
	}
	for field, value := range map[string]string{"provider": f.Provider, "model": f.Model, "tag": f.Tag} {
		if value != "" {
			out.Set(field, value)
		}
	}
	return out, nil
}

// usageView is what tables show of one attempt.
type usageView struct {
	Time        time.Time `json:"eventTime"`
	AccessKeyID string    `json:"accessKeyId"`
	Provider    string    `json:"provider"`
	Model       string    `json:"model"`
	Attempt     int       `json:"attemptNumber"`
	Status      *int      `json:"statusCode"`
	TimedOut    bool      `json:"timedOut"`
	Input       *int64    `json:"inputTokens"`
	Output      *int64    `json:"outputTokens"`
	Cost        *string   `json:"totalCost"`
	KeySource   string    `json:"keySource"`
	LatencyMS   *int64    `json:"latencyMs"`
}

func usageHeads() []string {
	return []string{"TIME", "ACCESS KEY", "PROVIDER", "MODEL", "TRY", "STATUS", "IN", "OUT", "COST USD", "MS", "KEYS"}
}

func (v *usageView) row(names map[string]string) []string {
	key := v.AccessKeyID
	if names[key] != "" {
		key = names[key]
	}
	status := "no answer"
	switch {
	case v.TimedOut:
		status = "timeout"
	case v.Status != nil:
		status = strconv.Itoa(*v.Status)
	}
	return []string{
		shownTime(&v.Time), key, v.Provider, v.Model, strconv.Itoa(v.Attempt), status, number(v.Input), number(v.Output),
		cost(v.Cost), number(v.LatencyMS), v.KeySource,
	}
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// cost never shows an unknown price as nothing.
func cost(text *string) string {
	if text == nil || *text == "" {
		return "unknown"
	}
	return *text
}

type usageListCmd struct {
	apiFlags
	usageFlags

	Retries bool `help:"Attempts too that others came after."`
	Limit   int  `default:"100" help:"Most rows."`
}

// Run lists calls.
func (c *usageListCmd) Run(a *app) error {
	if c.Limit < 1 {
		return fmt.Errorf("--limit: must be at least 1, got %d", c.Limit)
	}
	return c.connect(a, func(api *api) error {
		query, err := c.query(api)
		if err != nil {
			return err
		}
		if c.Retries {
			query.Set("includeRetries", "true")
		}
		rows, err := api.usage(query, c.Limit)
		if err != nil {
			return err
		}
		names, err := api.names(accessKeys())
		if err != nil {
			return err
		}
		return show(api, usageHeads(), rows, func(v *usageView) []string { return v.row(names) })
	})
}

// usage reads rows page by page, by the cursor that each page's address of the next one holds.
func (c *api) usage(query url.Values, most int) ([]entry, error) {
	r := &resource{path: usagePath, member: usageMember}
	var out []entry
	for {
		query.Set("limit", strconv.Itoa(min(apiPage, most-len(out))))
		text, err := c.call(http.MethodGet, usagePath, query, nil)
		if err != nil {
			return nil, err
		}
		page, more, err := r.page(text)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if !more || len(page) == 0 || len(out) >= most {
			return out, nil
		}
		var next struct {
			URI string `json:"nextPageUri"`
		}
		_ = json.Unmarshal(text, &next) // page has read it
		u, err := url.Parse(next.URI)
		if err != nil || u.Query().Get("cursor") == "" {
			return nil, fmt.Errorf("reading the answer: its address of the next page is not one: %q", next.URI)
		}
		query.Set("cursor", u.Query().Get("cursor"))
	}
}

type usageOverviewCmd struct {
	apiFlags
	usageFlags

	By string `default:"provider" placeholder:"WORD" help:"provider, key, team, model, or tag:NAME."`
}

// sumsView is what usage adds up to.
type sumsView struct {
	Cost        *string `json:"cost"`
	CostUnknown int64   `json:"attemptsOfUnknownCost"`
	Requests    int64   `json:"requests"`
	Errors      int64   `json:"errors"`
	Input       int64   `json:"inputTokens"`
	Output      int64   `json:"outputTokens"`
}

type overviewView struct {
	Buckets []struct {
		sumsView

		Start string `json:"bucketStart"`
		Group string `json:"groupKey"`
	} `json:"buckets"`
	Totals sumsView `json:"totals"`
}

// grouping is the word of --by as the API has it, and the collection whose ids it gives.
func (c *usageOverviewCmd) grouping() (word string, of *resource, err error) {
	switch {
	case c.By == "key":
		return "accessKey", accessKeys(), nil
	case c.By == "team":
		return "team", teams(), nil
	case c.By == "provider", c.By == "model", strings.HasPrefix(c.By, "tag:"):
		return c.By, nil, nil
	}
	return "", nil, fmt.Errorf("--by: must be provider, key, team, model or tag:NAME, got %q", c.By)
}

// Run adds usage up.
func (c *usageOverviewCmd) Run(a *app) error {
	by, of, err := c.grouping()
	if err != nil {
		return err
	}
	return c.connect(a, func(api *api) error {
		query, err := c.query(api)
		if err != nil {
			return err
		}
		query.Set("groupBy", by)
		text, err := api.call(http.MethodGet, overviewPath, query, nil)
		if err != nil {
			return err
		}
		if c.Output == "json" {
			return a.printJSON(text)
		}
		var v overviewView
		if err := json.Unmarshal(text, &v); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		names := map[string]string{}
		if of != nil {
			if names, err = api.names(of); err != nil {
				return err
			}
		}
		return a.printTable([]string{"DAY", strings.ToUpper(c.By), "COST USD", "COST UNKNOWN", "REQUESTS", "ERRORS", "IN", "OUT"}, v.rows(names))
	})
}

func (v *overviewView) rows(names map[string]string) [][]string {
	row := func(day, group string, s *sumsView) []string {
		n := func(n int64) string { return strconv.FormatInt(n, 10) }
		return []string{day, group, cost(s.Cost), n(s.CostUnknown), n(s.Requests), n(s.Errors), n(s.Input), n(s.Output)}
	}
	var rows [][]string
	for i := range v.Buckets {
		b := &v.Buckets[i]
		day, _, _ := strings.Cut(b.Start, "T")
		group := b.Group
		if names[group] != "" {
			group = names[group]
		}
		rows = append(rows, row(day, group, &b.sumsView))
	}
	return append(rows, row("total", "", &v.Totals))
}
