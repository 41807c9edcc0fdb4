package admin

import (
	"math/big"
	"net/url"
	"strings"
	"time"

	"weir/access"
)

type quotaIn struct {
	namedIn

	TeamID      opt[string]   `json:"team_id" api:"max=255" doc:"Team that it is for, all its keys together."`
	AccessKeyID opt[string]   `json:"access_key_id" api:"max=255" doc:"Access key that it is for; with no team either, it is for the whole organisation."`
	When        opt[string]   `json:"when" api:"max=4096" doc:"CEL over m, caller and the request: the calls that count; null is every call."`
	Per         opt[[]string] `json:"per" api:"min=1,max=1024,items=8" doc:"A counter for each access_key, team, model, provider, or value of a CEL expression."`
	Unit        opt[string]   `json:"unit" api:"required,enum=usd|tokens|requests|concurrent" doc:"What is counted; budgets take usd and tokens."`
	Limit       opt[string]   `json:"limit" api:"required,min=1,max=32" doc:"The most, as a decimal; whole but for usd."`
	Window      opt[string]   `json:"window" api:"max=32" doc:"hour, day, week, month, total, or for limits a duration such as 90s."`
	Rolling     opt[bool]     `json:"rolling" doc:"The window ends now, rather than with the calendar."`
	Timezone    opt[string]   `json:"timezone" api:"max=64" doc:"Of calendar windows, such as Europe/Berlin; null is UTC."`
	WarnAt      opt[[]int]    `json:"warn_at" api:"min=1,max=100,items=20" doc:"Percentages at which callers and the webhook are told."`
	WebhookURL  opt[string]   `json:"webhook_url" api:"max=2048" doc:"Address that is told. Reading shows its host alone, as the rest is often a secret."`
	Status      opt[int]      `json:"status" api:"min=402,max=429" doc:"402 or 429; null is 402 for budgets and 429 for limits."`
	Disabled    opt[bool]     `json:"disabled" doc:"It counts and refuses nothing."`
}

type quotaOut struct {
	plainOut

	TeamID      string     `json:"team_id"`
	AccessKeyID string     `json:"access_key_id"`
	When        string     `json:"when"`
	Per         []string   `json:"per"`
	Unit        string     `json:"unit" api:"enum=usd|tokens|requests|concurrent"`
	Limit       string     `json:"limit"`
	Window      string     `json:"window"`
	Rolling     bool       `json:"rolling"`
	Timezone    string     `json:"timezone"`
	WarnAt      []int      `json:"warn_at"`
	WebhookURL  string     `json:"webhook_url"`
	Status      int        `json:"status"`
	Disabled    bool       `json:"disabled"`
	Used        *string    `json:"used" doc:"What is settled in this window; null where there are several counters, or none can be read."`
	Reserved    *string    `json:"reserved" doc:"What calls in flight hold; null as for used."`
	Remaining   *string    `json:"remaining" doc:"What is left; null as for used."`
	ResetsAt    *time.Time `json:"resets_at" doc:"When the window ends; null for never, and as for used."`
}

func quotas(path, one string, kind access.Kind, all func(s *access.Snapshot) map[string]*access.Quota) *collection[*access.Quota, quotaIn, quotaOut] {
	return &collection[*access.Quota, quotaIn, quotaOut]{
		path: path, list: strings.TrimPrefix(path, "/"), one: one, kind: kind, read: rightRead, write: rightWrite, all: all,
		fresh: func() *access.Quota { return &access.Quota{} },
		filters: []param{
			{name: "team_id", doc: "Only those of this team."},
			{name: "access_key_id", doc: "Only those of this access key."},
		},
		keep: func(q *request, k *access.Quota) bool {
			team, byTeam := q.query["team_id"]
			key, byKey := q.query["access_key_id"]
			return (!byTeam || k.TeamID == team) && (!byKey || k.AccessKeyID == key)
		},
		view: func(q *request, k *access.Quota) quotaOut { return viewQuota(q, path, k) },
		edit: editQuota,
	}
}

func editQuota(_ *request, in *quotaIn, k *access.Quota) error {
	in.into(&k.Meta)
	in.TeamID.into(&k.TeamID)
	in.AccessKeyID.into(&k.AccessKeyID)
	in.When.into(&k.When)
	in.Per.into(&k.Per)
	in.Unit.into(&k.Unit)
	in.Limit.into(&k.Limit)
	in.Window.into(&k.Window)
	in.Rolling.into(&k.Rolling)
	in.Timezone.into(&k.Timezone)
	in.WarnAt.into(&k.WarnAt)
	in.Status.into(&k.Status)
	in.Disabled.into(&k.Disabled)
	switch given := in.WebhookURL.Value; {
	case given != "" && given == maskedURL(k.WebhookURL): // what was read is sent back
	case strings.HasSuffix(given, masked):
		return badField("webhook_url", "is the masked form of another address")
	default:
		in.WebhookURL.into(&k.WebhookURL)
	}
	return nil
}

// masked stands for the part of an address that is often a secret.
const masked = "/***"

func maskedURL(text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil {
		return masked
	}
	return u.Scheme + "://" + u.Host + masked
}

func viewQuota(q *request, path string, k *access.Quota) quotaOut {
	out := quotaOut{
		plainOut: q.plain(path, &k.Meta), TeamID: k.TeamID, AccessKeyID: k.AccessKeyID, When: k.When, Per: list(k.Per),
		Unit: k.Unit, Limit: k.Limit, Window: k.Window, Rolling: k.Rolling, Timezone: k.Timezone, WarnAt: list(k.WarnAt),
		WebhookURL: maskedURL(k.WebhookURL), Status: k.Status, Disabled: k.Disabled,
	}
	if q.CounterState == nil {
		return out
	}
	s, ok, err := q.CounterState(q.ctx, k)
	if err != nil {
		q.Log.Warn().Err(err).Str("id", k.ID).Msg("what is used of a quota cannot be read")
	}
	if err != nil || !ok {
		return out
	}
	out.state(s)
	return out
}

// state shows what is used.
func (out *quotaOut) state(s QuotaState) {
	scale := int64(1)
	if out.Unit == access.UnitUSD {
		scale = billion
	}
	used, reserved := decimal(big.NewInt(s.Used), scale), decimal(big.NewInt(s.Reserved), scale)
	out.Used, out.Reserved = &used, &reserved
	if limit, ok := new(big.Rat).SetString(out.Limit); ok {
		left := new(big.Rat).Sub(limit, new(big.Rat).SetFrac(new(big.Int).Add(big.NewInt(s.Used), big.NewInt(s.Reserved)), big.NewInt(scale)))
		if left.Sign() < 0 {
			left.SetInt64(0)
		}
		remaining := trimDecimal(left.FloatString(decimals(scale)))
		out.Remaining = &remaining
	}
	if !s.ResetsAt.IsZero() {
		at := s.ResetsAt.UTC()
		out.ResetsAt = &at
	}
}
