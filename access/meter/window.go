package meter

import (
	"errors"
	"fmt"
	"time"

	"weir/engine"
)

const (
	// rollingSlots is into how many slots a rolling window is cut: what was used is forgotten within a sixtieth of the
	// window of the time when it should be, never before.
	rollingSlots = 60
	// durableFrom is the window from which on a restart must not forget what was used: shorter ones are over before people
	// notice that they began anew.
	durableFrom = time.Hour
	// maxWindow is the longest duration that can be written; longer ones are calendar windows or for ever.
	maxWindow = 366 * 24 * time.Hour
	// slack is how long counters stay after their window: calls that began in it are settled when they end.
	slack = int64(time.Hour / time.Second)
)

// span is one period in which a counter's slots are the same, in Unix seconds.
type span struct {
	from, until  int64 // until is exclusive; 0 = for ever
	slot, oldest int64
	expires      int64 // 0 = never
	reset        int64 // when all, or with rolling windows some, of it is free again; 0 = never
}

// frame is the kind of a window.
type frame uint8

const (
	frameForEver frame = iota // total, and counters of what is in flight
	frameHour
	frameDay
	frameWeek
	frameMonth
	frameFixed
	frameRolling
)

// window says which slots of a counter count at a time.
type window struct {
	frame    frame
	zone     *time.Location
	length   int64 // seconds, of fixed and rolling windows
	slot     int64 // seconds, of rolling windows
	name     string
	duration time.Duration // its usual length; 0 = for ever
}

// newWindow reads the window of a quota.
func newWindow(text string, rolling bool, zone string) (window, error) {
	w := window{zone: time.UTC, name: text}
	if zone != "" {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			return w, fmt.Errorf("timezone: %w", err)
		}
		w.zone = loc
	}
	switch text {
	case "total":
		return w, nil // rolling or not, nothing is ever forgotten
	case "hour":
		w.frame, w.duration = frameHour, time.Hour
	case "day":
		w.frame, w.duration = frameDay, 24*time.Hour
	case "week":
		w.frame, w.duration = frameWeek, 7*24*time.Hour
	case "month":
		w.frame, w.duration = frameMonth, 30*24*time.Hour
	default:
		d, err := engine.ParseDuration(text)
		switch {
		case err != nil:
			return w, fmt.Errorf("window: %w", err)
		case d < time.Second || d%time.Second != 0:
			return w, errors.New("window: a duration must be whole seconds")
		case d > maxWindow:
			return w, errors.New("window: a duration must be at most 366 days")
		}
		w.frame, w.duration = frameFixed, d
	}
	w.length = int64(w.duration / time.Second)
	if rolling {
		w.frame = frameRolling
		w.slot = (w.length + rollingSlots - 2) / (rollingSlots - 1) // 60 of them cover the window wherever in a slot it is
	}
	return w, nil
}

// durable reports whether what was used must outlive the memory of counters.
func (w *window) durable() bool {
	return w.frame == frameForEver || w.duration >= durableFrom
}

// at is the span that a time lies in.
func (w *window) at(now time.Time) span {
	s := now.Unix()
	switch w.frame {
	case frameForEver:
		return span{}
	case frameFixed:
		return fixed(s-mod(s, w.length), s-mod(s, w.length)+w.length)
	case frameRolling:
		slot := s - mod(s, w.slot)
		back := (w.length + w.slot - 1) / w.slot * w.slot
		next := slot + w.slot
		return span{from: slot, until: next, slot: slot, oldest: slot - back, expires: next + back + slack, reset: next}
	default:
		return w.calendar(now.In(w.zone))
	}
}

func fixed(from, until int64) span {
	return span{from: from, until: until, slot: from, oldest: from, expires: until + slack, reset: until}
}

// mod is never negative, unlike %.
func mod(n, m int64) int64 { return ((n % m) + m) % m }

// calendar finds the hour, day, week or month of a local time. Days last from the first moment of a date to that of the
// next, whatever clocks are set to in between.
func (w *window) calendar(now time.Time) span {
	year, month, day := now.Date()
	switch w.frame {
	case frameHour:
		// Counted back from now and not by the name of the hour, which two hours have when clocks are set back.
		from := now.Unix() - int64(now.Minute())*60 - int64(now.Second())
		until := from + 3600
		if _, change := now.ZoneBounds(); !change.IsZero() && change.Unix() < until {
			until = change.Unix()
		}
		return fixed(from, until)
	case frameWeek:
		monday := day - (int(now.Weekday())+6)%7
		return fixed(dayStart(year, month, monday, w.zone), dayStart(year, month, monday+7, w.zone))
	case frameMonth:
		return fixed(dayStart(year, month, 1, w.zone), dayStart(year, month+1, 1, w.zone))
	default:
		return fixed(dayStart(year, month, day, w.zone), dayStart(year, month, day+1, w.zone))
	}
}

// dayStart is the first moment of a date: midnight, the first of two, or where clocks skip it the moment that they do.
func dayStart(year int, month time.Month, day int, zone *time.Location) int64 {
	label := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
	_, before := time.Unix(label-24*3600, 0).In(zone).Zone()
	_, after := time.Unix(label+24*3600, 0).In(zone).Zone()
	first, second := label-int64(max(before, after)), label-int64(min(before, after))
	for _, s := range [2]int64{first, second} {
		if _, offset := time.Unix(s, 0).In(zone).Zone(); s+int64(offset) == label {
			return s
		}
	}
	if _, change := time.Unix(first, 0).In(zone).ZoneBounds(); !change.IsZero() {
		return change.Unix()
	}
	return first
}
