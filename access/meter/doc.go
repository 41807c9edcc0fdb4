// Package meter keeps calls within budgets and limits and records each of them.
//
// Before each call it reserves what the call may use from every quota that the call falls under: those of the caller's
// access key, of its team, and of the organisation, where their when holds. All of it is asked of the counters at once, and
// all of it is taken or nothing. When the call is over, what it really used takes the place of the reservation; see
// Meter.Settle for calls of which nobody knows. Requests are counted once an exchange, unless the quota asks which model or
// provider is called: then each attempt is one. What counts calls in flight counts each while it runs.
//
// # Windows
//
// hour, day, week (from Monday) and month follow the calendar of the quota's time zone, also over changes of clocks. Other
// windows begin at multiples of their length since 1970. Rolling ones count what was used within their length and, as they
// are cut into 60 slots, up to a fifty-ninth more; a rolling month has 30 days. total never begins anew.
//
// A changed limit holds for the next call and keeps what was used. A quota whose unit, window, per or scope changes counts
// anew.
//
// # Failing
//
// A quota that does not compile, or whose expressions fail, refuses what is in its scope with policy_failed; so does one
// that cannot be read from the store, for everybody, since nobody knows whom it was for. Under a quota in USD models
// without a known price are refused with price_unknown. Where the disk takes no usage rows, or counters cannot be asked,
// calls are refused with store_unavailable.
//
// # Warnings
//
// Where more than one of the percentages in warn_at is used, answers carry the field x-weir-budget-warning, a list such as
//
//	"research";used=83;limit="500";unit=usd;t=3600
//
// with the quota's name, the percentage, the limit and the seconds to the next window. The quota's webhook gets one POST a
// counter, window and percentage, of JSON, tried five times within some eleven minutes until it is answered
// by a 2xx. Its id is the same from every gateway; those that share counters send it once together. With a key it is signed
// as Standard Webhooks are. The fields of the JSON are type (budget.warning or limit.warning), id, time, quota_id, name,
// team_id, access_key_id, unit, window, window_start, window_end, threshold, used_percent, used, limit and counter.
package meter
