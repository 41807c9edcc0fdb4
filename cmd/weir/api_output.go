package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

// show prints entries: each as a row of a table, or all as JSON.
func show[T any](c *api, heads []string, entries []entry, row func(v *T) []string) error {
	if c.flags.Output == "json" {
		raw := make([]json.RawMessage, 0, len(entries))
		for _, e := range entries {
			raw = append(raw, e.raw)
		}
		text, err := json.Marshal(raw)
		if err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		return c.app.printJSON(text)
	}
	rows := make([][]string, 0, len(entries))
	for _, e := range entries {
		var v T
		if err := json.Unmarshal(e.raw, &v); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		rows = append(rows, row(&v))
	}
	return c.app.printTable(heads, rows)
}

// showOne prints one resource: what its table row has, a line each, or its JSON.
func showOne[T any](c *api, heads []string, raw json.RawMessage, row func(v *T) []string) error {
	if c.flags.Output == "json" {
		return c.app.printJSON(raw)
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	var rows [][]string
	for i, cell := range row(&v) {
		rows = append(rows, []string{strings.ToLower(heads[i]), cell})
	}
	return c.app.printTable(nil, rows)
}

func (a *app) printJSON(text []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return a.printf("%s\n", escaped(b.Bytes()))
}

// escaped is JSON without the characters that a terminal obeys and that JSON lets stand in texts: names and tags come from
// callers.
func escaped(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r > '~' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

func (a *app) printTable(heads []string, rows [][]string) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	if heads != nil {
		rows = append([][]string{heads}, rows...)
	}
	for _, row := range rows {
		for i, cell := range row {
			if cell = plain(cell); cell == "" {
				cell = "-"
			}
			row[i] = cell
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), " ")); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// maxCell keeps rows on a screen: what is longer is in the JSON.
const maxCell = 60

// plain is text that does nothing to a terminal or a table.
func plain(text string) string {
	text = visible(text)
	if r := []rune(text); len(r) > maxCell {
		return string(r[:maxCell-3]) + "..."
	}
	return text
}

// visible is text on one line without what a terminal obeys.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		default:
			return r
		}
	}, text)
}

// shownTime is a time as tables show it.
func shownTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// noValue clears a field on the command line.
const noValue = "none"

// set puts a flag that was given into a change: nothing where it was not, null where it clears.
func set(change map[string]any, field string, value *string) {
	switch {
	case value == nil:
	case *value == "" || *value == noValue:
		change[field] = nil
	default:
		change[field] = *value
	}
}

// setList is set for lists.
func setList(change map[string]any, field string, values []string) {
	switch {
	case values == nil:
	case len(values) == 1 && (values[0] == "" || values[0] == noValue):
		change[field] = nil
	default:
		change[field] = values
	}
}

// setTime is set for times.
func setTime(change map[string]any, field string, value *string, now time.Time) error {
	if value == nil || *value == "" || *value == noValue {
		set(change, field, value)
		return nil
	}
	at, err := parseTime(*value, now, 1)
	if err != nil {
		return fmt.Errorf("%s: %w", strings.ReplaceAll(field, "_", " "), err)
	}
	change[field] = at.UTC().Format(time.RFC3339)
	return nil
}

// parseTime reads a time, a day, or a span from now on (direction 1) or back (-1).
func parseTime(text string, now time.Time, direction int) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	d, err := parseSpan(text)
	if err != nil {
		return time.Time{}, errors.New("must be a time such as 2030-01-31T12:00:00Z, a day such as 2030-01-31, or a span such as 30d or 12h")
	}
	return now.Add(time.Duration(direction) * d), nil
}

const hoursOfDay = 24

// parseSpan reads a duration, in days too.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, errors.New("must be a span such as 30d or 12h")
		}
		return time.Duration(n) * hoursOfDay * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("must be a span such as 30d or 12h")
	}
	return d, nil
}
