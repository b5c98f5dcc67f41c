// Calendars: on which days an institution sends statements, how `statements` is read, and holidays by name.

package project

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/cz"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/ecb"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/hr"
	"github.com/rickar/cal/v2/ie"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/lt"
	"github.com/rickar/cal/v2/lv"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/ro"
	"github.com/rickar/cal/v2/se"
	"github.com/rickar/cal/v2/si"
	"github.com/rickar/cal/v2/sk"
	"github.com/rickar/cal/v2/us"
	"go.yaml.in/yaml/v3"

	"bursar/internal/project/doc"
)

// CalendarKind is one of the constants, or the name of a holiday calendar such as "target" or "de".
type CalendarKind string

// The kinds other than holiday calendars.
const (
	NoCalendar   CalendarKind = ""               // no statements are expected
	EveryFileDay CalendarKind = "every file day" // if a file of the institution was received for a day, each account has a statement
	Daily        CalendarKind = "daily"          // every calendar day
	Weekdays     CalendarKind = "weekdays"       // Monday to Friday
)

// Calendar defines the days for which each account of an institution has a statement. Days are midnights in UTC.
type Calendar struct {
	Kind   CalendarKind
	Except []time.Time // additional days without a statement
	Also   []time.Time // additional days with a statement
	Since  time.Time   // the first day that is checked; zero if there is none
}

// Expects reports whether a statement is expected for a day. With EveryFileDay the caller must also know that a file of the
// institution was received for that day; with NoCalendar it is always false.
func (c Calendar) Expects(day time.Time) bool {
	switch {
	case c.Kind == NoCalendar || !c.Since.IsZero() && day.Before(c.Since):
		return false
	case containsDay(c.Also, day):
		return true
	case containsDay(c.Except, day):
		return false
	case c.Kind == EveryFileDay || c.Kind == Daily:
		return true
	case cal.IsWeekend(day):
		return false
	}
	holidays := cal.Calendar{Holidays: holidayCalendars[c.Kind]}
	_, observed, _ := holidays.IsHoliday(day)
	return !observed
}

func containsDay(days []time.Time, day time.Time) bool { return slices.ContainsFunc(days, day.Equal) }

// readCalendar reads the name of a calendar, or a mapping with its exceptions.
func readCalendar(o doc.Section) Calendar {
	if n := o.Values["statements"]; n == nil || n.Kind != yaml.MappingNode {
		return Calendar{Kind: readCalendarKind(o, "statements")}
	}
	s := o.Sub("statements", "calendar", "except", "also", "since")
	s.Require("calendar")
	c := Calendar{Kind: readCalendarKind(s, "calendar"), Except: readDays(s, "except"), Also: readDays(s, "also")}
	if s.Has("since") {
		c.Since = readDay(s, "since", s.Values["since"])
	}
	if len(c.Also) > 0 && (c.Kind == EveryFileDay || c.Kind == Daily) {
		s.Fail("also", "has no effect beside `%s`, which has every day", c.Kind)
	}
	for i, day := range c.Also {
		path := fmt.Sprintf("%s.%d", s.At("also"), i)
		switch {
		case containsDay(c.Except, day):
			s.Src.FailAt(path, "`also` lists %s, and so does `except`", day.Format(time.DateOnly))
		case day.Before(c.Since):
			s.Src.FailAt(path, "`also` lists %s, which is before `since`", day.Format(time.DateOnly))
		}
	}
	return c
}

func readCalendarKind(o doc.Section, key string) CalendarKind {
	name := o.Text(key)
	if known := calendarNames(); name != "" && !slices.Contains(known, name) {
		o.Fail(key, "is %s: use one of %s%s", doc.Brief(name), strings.Join(known, ", "), doc.DidYouMean(name, known))
		return NoCalendar
	}
	return CalendarKind(name)
}

func readDays(o doc.Section, key string) []time.Time {
	n := o.Values[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) > doc.MaxEntries {
		o.Fail(key, "must be a list of days such as [2024-12-24]")
		return nil
	}
	days := make([]time.Time, len(n.Content))
	for i, value := range n.Content {
		o.Src.Lines[fmt.Sprintf("%s.%d", o.At(key), i)] = value.Line
		days[i] = readDay(o, key, value)
	}
	return days
}

// readDay reads a date, quoted or not: YAML has a type for dates.
func readDay(o doc.Section, key string, n *yaml.Node) time.Time {
	if n.Kind == yaml.ScalarNode {
		if day, err := time.Parse(time.DateOnly, n.Value); err == nil && !day.IsZero() {
			return day
		}
	}
	o.Src.Fail(n.Line, "`%s` has %s, which is not a valid day: write it as 2024-12-24", key, doc.Brief(n.Value))
	return time.Time{}
}

// The library uses the machine's zone by default; a calendar must have the same meaning on every machine.
func init() { cal.DefaultLoc = time.UTC }

// holidayCalendars are the closing days of TARGET and the public holidays of whole countries, by ISO code. Countries whose holidays
// differ by region are left out, unless there is a list of those that all regions have.
var holidayCalendars = map[CalendarKind][]*cal.Holiday{
	"target": ecb.Holidays,
	"at":     at.Holidays,
	"be":     be.Holidays,
	"cz":     cz.Holidays,
	"de":     de.Holidays,
	"dk":     dk.Holidays,
	"es":     es.Holidays,
	"fr":     fr.Holidays,
	"gb":     gb.Holidays,
	"hr":     hr.Holidays,
	"ie":     ie.Holidays,
	"it":     it.Holidays,
	"lt":     lt.Holidays,
	"lv":     lv.Holidays,
	"nl":     nl.Holidays,
	"no":     no.Holidays,
	"pl":     pl.Holidays,
	"ro":     ro.Holidays,
	"se":     se.Holidays,
	"si":     si.Holidays,
	"sk":     sk.Holidays,
	"us":     us.Holidays,
}

// calendarNames lists the valid calendars, the constants first.
func calendarNames() []string {
	names := []string{string(EveryFileDay), string(Daily), string(Weekdays), "target"}
	for _, kind := range slices.Sorted(maps.Keys(holidayCalendars)) {
		if kind != "target" {
			names = append(names, string(kind))
		}
	}
	return names
}
