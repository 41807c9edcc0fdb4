package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Windows of quotas that are not durations.
const (
	windowHour  = "hour"
	windowDay   = "day"
	windowWeek  = "week"
	windowMonth = "month"
	windowTotal = "total"
)

// What quotas count by, beside CEL.
const (
	PerAccessKey = "access_key"
	PerTeam      = "team"
	PerModel     = "model"
	PerProvider  = "provider"
)

const (
	// maxPer bounds the parts of a counter's name, and with them how many counters one quota makes.
	maxPer = 4
	// maxExpression is far above what anybody reads at a glance; it is compiled and runs in each call.
	maxExpression = 4096
	// maxWarnAt is one warning for each tenth.
	maxWarnAt = 10
	// maxUSDDigits is a billion dollars, which fits into 64 bits of billionths with as much again to spare.
	maxUSDDigits = 9
	// usdDecimals is what counters hold of a dollar.
	usdDecimals = 9
	// maxCountDigits is a quadrillion: more than is ever used, and sums of some stay within 64 bits.
	maxCountDigits = 15
	// maxWindow is a leap year; what is longer is for ever, or of the calendar.
	maxWindow = 366 * 24 * time.Hour
)

func (c *checker) quota(k Kind, q *Quota) {
	c.quotaScope(q)
	c.amount(k, q)
	c.window(q)
	if len(q.WarnAt) > maxWarnAt {
		c.fail("warn_at", "it has %d entries, %d are allowed", len(q.WarnAt), maxWarnAt)
	}
	for i, percent := range q.WarnAt {
		if percent < 1 || percent > 100 {
			c.fail(fmt.Sprintf("warn_at[%d]", i), "a percentage is between 1 and 100")
		}
		if slices.Index(q.WarnAt, percent) != i {
			c.fail(fmt.Sprintf("warn_at[%d]", i), "%d is there twice", percent)
		}
	}
	if err := checkWebhook(q.WebhookURL, c.m.WebhookHosts); err != nil {
		c.fail("webhook_url", "%s", err)
	}
	if q.Status != 0 && q.Status != 402 && q.Status != 429 {
		c.fail("status", "a status is 402 or 429")
	}
}

// quotaScope checks whom a quota is for and what it counts by.
func (c *checker) quotaScope(q *Quota) {
	if q.TeamID != "" && c.s.Teams[q.TeamID] == nil {
		c.fail("team_id", "there is no team %s", shown(q.TeamID))
	}
	if q.AccessKeyID != "" {
		switch key := c.s.AccessKeys[q.AccessKeyID]; {
		case key == nil:
			c.fail("access_key_id", "there is no access key %s", shown(q.AccessKeyID))
		case q.TeamID != "" && key.TeamID != q.TeamID:
			c.fail("access_key_id", "the access key is not one of the team")
		}
	}
	if q.When != "" {
		c.expression("when", q.When, c.m.CheckWhen)
	}
	if len(q.Per) > maxPer {
		c.fail("per", "it has %d entries, %d are allowed", len(q.Per), maxPer)
		return
	}
	for i, per := range q.Per {
		at := fmt.Sprintf("per[%d]", i)
		if slices.Index(q.Per, per) != i {
			c.fail(at, "it is there twice")
		}
		switch per {
		case PerAccessKey, PerTeam, PerModel, PerProvider:
		default:
			c.expression(at, per, c.m.CheckPer)
		}
	}
}

func (c *checker) expression(field, text string, check func(string) error) {
	switch {
	case strings.TrimSpace(text) == "":
		c.fail(field, "it is empty")
	case len(text) > maxExpression:
		c.fail(field, "it has %d bytes, %d are allowed", len(text), maxExpression)
	case check == nil:
		c.fail(field, "expressions cannot be checked here")
	default:
		if err := check(text); err != nil {
			c.fail(field, "%s", err)
		}
	}
}

func (c *checker) amount(k Kind, q *Quota) {
	decimals, digits := 0, maxCountDigits
	switch q.Unit {
	case UnitUSD:
		decimals, digits = usdDecimals, maxUSDDigits
	case UnitTokens:
	case UnitRequests, UnitConcurrent:
		if k == KindBudget {
			c.fail("unit", "a budget is in %s or %s; %s are limited by a limit", UnitUSD, UnitTokens, q.Unit)
		}
	default:
		c.fail("unit", "a unit is %s, %s, %s or %s, got %s", UnitUSD, UnitTokens, UnitRequests, UnitConcurrent, shown(q.Unit))
	}
	whole, fraction, err := decimal(q.Limit, decimals)
	switch {
	case err != nil:
		c.fail("limit", "%s", err)
	case strings.Trim(whole+fraction, "0") == "":
		c.fail("limit", "it is not above zero; what is to let nothing through is a disabled key or team")
	case len(strings.TrimLeft(whole, "0")) > digits:
		c.fail("limit", "it has more than %d digits", digits)
	}
}

var errDecimal = errors.New("it is not a plain decimal number such as 12.50")

// decimal takes a number that is not negative apart: the digits before and behind the point.
func decimal(text string, decimals int) (whole, fraction string, err error) {
	whole, fraction, point := strings.Cut(text, ".")
	if whole == "" || point && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" || len(text) > maxShown {
		return "", "", errDecimal
	}
	if len(fraction) > decimals {
		if decimals == 0 {
			return "", "", errors.New("it is not a whole number")
		}
		return "", "", fmt.Errorf("it has more than %d decimals", decimals)
	}
	return whole, fraction, nil
}

func (c *checker) window(q *Quota) {
	if q.Unit == UnitConcurrent {
		if q.Window != "" || q.Rolling || q.Timezone != "" {
			c.fail("window", "what is counted at one time has no window")
		}
		return
	}
	calendar := false
	switch q.Window {
	case windowHour, windowDay, windowWeek, windowMonth:
		calendar = !q.Rolling
	case windowTotal:
		if q.Rolling {
			c.fail("rolling", "what counts for ever does not roll")
		}
	case "":
		c.fail("window", "it is missing")
	default:
		d, err := time.ParseDuration(q.Window)
		if err != nil || d < time.Second || d > maxWindow || d%time.Second != 0 {
			c.fail("window", "a window is hour, day, week, month, total or a duration of whole seconds from 1s to 366 days (8784h), got %s", shown(q.Window))
		}
	}
	if q.Timezone == "" {
		return
	}
	if !calendar {
		c.fail("timezone", "only an hour, day, week or month of the calendar has one")
	}
	if _, err := time.LoadLocation(q.Timezone); err != nil || q.Timezone == "Local" {
		c.fail("timezone", "there is no time zone %s", shown(q.Timezone))
	}
}

// checkWebhook lets webhooks go over TLS, or to a host of the operator's own.
func checkWebhook(text string, own []string) error {
	if text == "" {
		return nil
	}
	u, err := checkURL(text, "https", "http")
	if err != nil {
		return err
	}
	if u.Scheme == "https" || slices.ContainsFunc(own, func(h string) bool { return strings.EqualFold(h, u.Hostname()) }) {
		return nil
	}
	return errors.New("it is sent over https, or to one of the hosts in access.webhook_hosts")
}
