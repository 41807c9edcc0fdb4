package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type budgetsCmd struct {
	List   budgetsListCmd   `cmd:"" help:"List budgets, and what is spent of them."`
	Create budgetsCreateCmd `cmd:"" help:"Make a budget: weir budgets create --team research --usd 500 --window week --when \"m.id.contains('claude-opus')\""`
	Update budgetsUpdateCmd `cmd:"" help:"Change a budget; what no flag names stays."`
	Delete budgetsDeleteCmd `cmd:"" help:"Delete budgets."`
}

type limitsCmd struct {
	List   limitsListCmd   `cmd:"" help:"List limits, and what is used of them."`
	Create limitsCreateCmd `cmd:"" help:"Make a limit: weir limits create --team research --requests 100 --window 1m"`
	Update limitsUpdateCmd `cmd:"" help:"Change a limit; what no flag names stays."`
	Delete limitsDeleteCmd `cmd:"" help:"Delete limits."`
}

func budgets() *resource {
	return &resource{path: "/budgets", member: "budgets", prefix: "bud_", word: "budget"}
}

func limits() *resource {
	return &resource{path: "/limits", member: "limits", prefix: "lim_", word: "limit"}
}

type quotaView struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	TeamID      string     `json:"team_id"`
	AccessKeyID string     `json:"access_key_id"`
	When        string     `json:"when"`
	Per         []string   `json:"per"`
	Unit        string     `json:"unit"`
	Limit       string     `json:"limit"`
	Window      string     `json:"window"`
	Rolling     bool       `json:"rolling"`
	Disabled    bool       `json:"disabled"`
	Static      bool       `json:"static"`
	Used        *string    `json:"used"`
	ResetsAt    *time.Time `json:"resets_at"`
}

func quotaHeads() []string {
	return []string{"ID", "NAME", "FOR", "LIMIT", "WINDOW", "USED", "RESETS", "STATE", "PER", "WHEN"}
}

func (v *quotaView) row(names map[string]string) []string {
	of := "everybody"
	for _, id := range []string{v.TeamID, v.AccessKeyID} {
		if id == "" {
			continue
		}
		if of = id; names[id] != "" {
			of = names[id]
		}
	}
	window := v.Window
	if v.Rolling {
		window += " rolling"
	}
	used := ""
	if v.Used != nil {
		used = *v.Used
	}
	return []string{
		v.ID, v.Name, of, v.Limit + " " + v.Unit, window, used, shownTime(v.ResetsAt), stateOf(v.Disabled, v.Static),
		strings.Join(v.Per, ", "), v.When,
	}
}

// owners are the names of teams and access keys by id.
func (c *api) owners() (map[string]string, error) {
	out, err := c.names(teams())
	if err != nil || out == nil {
		return nil, err
	}
	keys, err := c.names(accessKeys())
	maps.Copy(out, keys)
	return out, err
}

func listQuotas(f *apiFlags, a *app, r *resource) error {
	return f.connect(a, func(api *api) error {
		all, err := api.list(r, nil)
		if err != nil {
			return err
		}
		names, err := api.owners()
		if err != nil {
			return err
		}
		return show(api, quotaHeads(), all, func(v *quotaView) []string { return v.row(names) })
	})
}

// quotaFlags are the fields of budgets and limits.
type quotaFlags struct {
	Name       *string  `help:"Name, for people and in answers that refuse; made of the rest where none is given."`
	Team       *string  `help:"Every access key of this team together: name or id."`
	Key        *string  `help:"This access key: name or id. Without team and key: everybody together."`
	USD        *string  `name:"usd" placeholder:"AMOUNT" help:"USD that may be spent."`
	Tokens     *string  `placeholder:"NUMBER" help:"Tokens that may be used, in and out."`
	Window     *string  `help:"hour, day, week, month, total, or a duration such as 90s."`
	Rolling    *bool    `negatable:"" help:"The window ends now, instead of beginning with the calendar."`
	Timezone   *string  `placeholder:"ZONE" help:"Of calendar windows, such as Europe/Berlin."`
	When       *string  `placeholder:"CEL" help:"Calls that count: an expression over m, caller and the request."`
	Per        []string `sep:"none" placeholder:"WORD" help:"A counter for each access_key, team, model, provider or value of an expression; repeatable."`
	WarnAt     []string `placeholder:"PERCENT" help:"Warn by header and webhook from here on; repeatable."`
	WebhookURL *string  `name:"webhook" placeholder:"URL" help:"What is told of warnings."`
	Status     *int     `help:"Of answers that refuse: 402 or 429."`
	Disabled   *bool    `negatable:"" help:"Keep it, and do not hold anybody to it."`
}

// limitFlags are the units that only limits have.
type limitFlags struct {
	Requests   *string `placeholder:"NUMBER" help:"Requests that may be made."`
	Concurrent *string `placeholder:"NUMBER" help:"Calls that may be in flight at once; without a window."`
}

// amount is a unit with the value of its flag.
type amount struct {
	unit  string
	value *string
}

func (f *quotaFlags) amounts() []amount { return []amount{{"usd", f.USD}, {"tokens", f.Tokens}} }

func (f *limitFlags) amounts() []amount {
	return []amount{{"requests", f.Requests}, {"concurrent", f.Concurrent}}
}

// change makes the body of a request.
func (f *quotaFlags) change(c *api, amounts []amount) (map[string]any, error) {
	out := map[string]any{}
	for field, value := range map[string]*string{
		"name": f.Name, "window": f.Window, "timezone": f.Timezone, "when": f.When, "webhook_url": f.WebhookURL,
	} {
		set(out, field, value)
	}
	setList(out, "per", f.Per)
	for field, value := range map[string]*bool{"rolling": f.Rolling, "disabled": f.Disabled} {
		if value != nil {
			out[field] = *value
		}
	}
	if f.Status != nil {
		out["status"] = *f.Status
	}
	if err := setPercents(out, f.WarnAt); err != nil {
		return nil, err
	}
	for _, a := range amounts {
		if a.value == nil {
			continue
		}
		if out["unit"] != nil {
			return nil, fmt.Errorf("one of --%s and --%s: each is a quota of its own", out["unit"], a.unit)
		}
		out["unit"], out["limit"] = a.unit, *a.value
	}
	if err := c.setReference(out, "team_id", teams(), f.Team); err != nil {
		return nil, err
	}
	return out, c.setReference(out, "access_key_id", accessKeys(), f.Key)
}

func setPercents(change map[string]any, values []string) error {
	if len(values) == 0 || (len(values) == 1 && values[0] == noValue) {
		setList(change, "warn_at", values)
		return nil
	}
	var out []int
	for _, v := range values {
		n, err := strconv.Atoi(strings.TrimSuffix(v, "%"))
		if err != nil {
			return fmt.Errorf("--warn-at: %q is not a percentage", v)
		}
		out = append(out, n)
	}
	change["warn_at"] = out
	return nil
}

func createQuota(f *apiFlags, a *app, r *resource, q *quotaFlags, amounts []amount) error {
	return f.connect(a, func(api *api) error {
		change, err := q.change(api, amounts)
		if err != nil {
			return err
		}
		if change["unit"] == nil {
			words := make([]string, 0, len(amounts))
			for _, a := range amounts {
				words = append(words, "--"+a.unit)
			}
			return fmt.Errorf("say how much: one of %s", strings.Join(words, ", "))
		}
		if change["name"] == nil {
			change["name"] = q.called(change)
		}
		return api.showQuota(api.call(http.MethodPost, r.path, nil, change))
	})
}

// called is a name for what has none: whom it is for, and how much.
func (f *quotaFlags) called(change map[string]any) string {
	of := "everybody"
	for _, name := range []*string{f.Team, f.Key} {
		if name != nil {
			of = *name
		}
	}
	out := fmt.Sprintf("%s %s %s", of, change["limit"], change["unit"])
	if window, ok := change["window"].(string); ok {
		out += " " + window
	}
	return out
}

func updateQuota(f *apiFlags, a *app, r *resource, name string, q *quotaFlags, amounts []amount) error {
	return f.connect(a, func(api *api) error {
		change, err := q.change(api, amounts)
		if err != nil {
			return err
		}
		if len(change) == 0 {
			return errors.New("nothing to change: give at least one flag")
		}
		return api.showQuota(api.patch(r, name, change))
	})
}

func (c *api) showQuota(raw []byte, err error) error {
	if err != nil {
		return err
	}
	names, err := c.owners()
	if err != nil {
		return err
	}
	return showOne(c, quotaHeads(), raw, func(v *quotaView) []string { return v.row(names) })
}
