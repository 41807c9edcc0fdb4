package meter

import (
	"testing"
	"time"
)

func TestWindows(t *testing.T) {
	at := func(text string) time.Time {
		got, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	tests := []struct {
		name, window, zone, now string
		from, until             string
	}{
		{"hour", "hour", "", "2026-03-01T10:59:59Z", "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"},
		{"hour in a zone of half hours", "hour", "Asia/Kolkata", "2026-03-01T10:40:00Z", "2026-03-01T10:30:00Z", "2026-03-01T11:30:00Z"},
		{"first of two hours of one name", "hour", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"},
		{"second of two hours of one name", "hour", "America/New_York", "2026-11-01T06:30:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"},
		{"hour before half an hour comes again", "hour", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z"},
		{"half an hour that comes again", "hour", "Australia/Lord_Howe", "2026-04-04T15:10:00Z", "2026-04-04T14:30:00Z", "2026-04-04T15:30:00Z"},
		{"day", "day", "", "2026-03-01T23:59:59Z", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"},
		{"first second of a day", "day", "", "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"},
		{"day ahead of UTC", "day", "Asia/Tokyo", "2026-03-01T15:00:00Z", "2026-03-01T15:00:00Z", "2026-03-02T15:00:00Z"},
		{"day of 23 hours", "day", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"day of 25 hours", "day", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		{"day without midnight", "day", "Asia/Beirut", "2024-03-31T05:00:00Z", "2024-03-30T22:00:00Z", "2024-03-31T21:00:00Z"},
		{"day before one without midnight", "day", "Asia/Beirut", "2024-03-30T21:30:00Z", "2024-03-29T22:00:00Z", "2024-03-30T22:00:00Z"},
		{"day with two midnights", "day", "America/Havana", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		{"day whose last hour comes twice", "day", "America/Sao_Paulo", "2019-02-17T02:30:00Z", "2019-02-16T02:00:00Z", "2019-02-17T03:00:00Z"},
		{"day before one that was skipped", "day", "Pacific/Apia", "2011-12-30T05:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"week on Sunday", "week", "", "2026-03-01T12:00:00Z", "2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z"},
		{"week on Monday", "week", "", "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"},
		{"week over the end of a year", "week", "", "2027-01-01T00:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"},
		{"week with a change of clocks", "week", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"February", "month", "", "2026-02-28T23:59:59Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"February of a leap year", "month", "", "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		{"December", "month", "America/New_York", "2027-01-01T04:59:59Z", "2026-12-01T05:00:00Z", "2027-01-01T05:00:00Z"},
		{"month with a change of clocks", "month", "America/New_York", "2026-03-15T00:00:00Z", "2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z"},
		{"90 seconds", "90s", "", "1970-01-01T00:02:59Z", "1970-01-01T00:01:30Z", "1970-01-01T00:03:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := newWindow(tt.window, false, tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			now := at(tt.now)
			got := w.at(now)
			from, until := at(tt.from).Unix(), at(tt.until).Unix()
			if got.slot != from || got.oldest != from || got.until != until || got.reset != until || got.expires <= until {
				t.Errorf("got %s to %s (%+v), want %s to %s", time.Unix(got.slot, 0).UTC(), time.Unix(got.until, 0).UTC(), got, tt.from, tt.until)
			}
			if n := now.Unix(); n < got.from || n >= got.until {
				t.Errorf("got %+v, which %d is not in", got, n)
			}
			if next := w.at(time.Unix(got.until, 0)); next.from < got.until && tt.window != "hour" || next.slot <= got.slot {
				t.Errorf("got %+v after %+v, want the next window to begin where the one before ends", next, got)
			}
		})
	}
}

// Every moment of years with changes of clocks lies in its window, and windows follow one another without a gap.
func TestCalendarHasNoGaps(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia"} {
		for _, name := range []string{"hour", "day", "week", "month"} {
			w, err := newWindow(name, false, zone)
			if err != nil {
				t.Fatal(err)
			}
			last := span{}
			for s := int64(1_293_840_000); s < 1_356_998_400; s += 1800 { // 2011 and 2012
				got := w.at(time.Unix(s, 0))
				if s < got.from || s >= got.until {
					t.Fatalf("%s %s: got %+v for %d", zone, name, got, s)
				}
				if last.slot > got.slot || last.slot != got.slot && s < last.until || last.slot == got.slot && last != got {
					t.Fatalf("%s %s: got %+v after %+v at %d", zone, name, got, last, s)
				}
				last = got
			}
		}
	}
}

func TestRollingWindows(t *testing.T) {
	tests := []struct {
		window string
		slot   int64
		slots  int64 // that count
	}{
		{"1s", 1, 2}, {"30s", 1, 31}, {"59s", 1, 60}, {"60s", 2, 31}, {"10m", 11, 56}, {"hour", 62, 60}, {"day", 1465, 60}, {"month", 43933, 60},
	}
	for _, tt := range tests {
		t.Run(tt.window, func(t *testing.T) {
			w, err := newWindow(tt.window, true, "")
			if err != nil {
				t.Fatal(err)
			}
			for s := int64(1_800_000_000); s < 1_800_000_000+3*tt.slot; s++ {
				got := w.at(time.Unix(s, 0))
				if s-got.oldest < w.length || s-got.oldest >= w.length+2*tt.slot || w.slot != tt.slot {
					t.Fatalf("got %+v for %d, want slots of %d s that cover %d s and little more", got, s, tt.slot, w.length)
				}
				if n := (got.slot-got.oldest)/tt.slot + 1; n != tt.slots || n > rollingSlots {
					t.Fatalf("got %d slots, want %d", n, tt.slots)
				}
				if got.reset <= s || got.reset > s+tt.slot || got.expires < s+w.length {
					t.Fatalf("got %+v for %d, want a reset at the end of the slot and counters that live as long as it counts", got, s)
				}
			}
		})
	}
}

func TestForEver(t *testing.T) {
	w, err := newWindow("total", true, "")
	if got := w.at(time.Now()); err != nil || got != (span{}) || !w.durable() {
		t.Errorf("got %+v, %v, want one slot that never ends", got, err)
	}
}

func TestBadWindows(t *testing.T) {
	for _, tt := range []struct{ window, zone string }{{"", ""}, {"fortnight", ""}, {"100ms", ""}, {"1500ms", ""}, {"9000h", ""}, {"day", "Mars/Olympus"}, {"-5s", ""}} {
		if w, err := newWindow(tt.window, false, tt.zone); err == nil {
			t.Errorf("got %+v for %+v, want an error", w, tt)
		}
	}
}

func TestDurable(t *testing.T) {
	for text, want := range map[string]bool{"59m": false, "60m": true, "hour": true, "month": true, "90s": false} {
		if w, err := newWindow(text, false, ""); err != nil || w.durable() != want {
			t.Errorf("%s: got %v, %v, want %v", text, w.durable(), err, want)
		}
	}
}
