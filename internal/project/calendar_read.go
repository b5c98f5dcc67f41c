// Reads `statements` of an institution.

package project

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"bursar/internal/project/doc"
)

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

// readCalendarKind reads the kind of a calendar.
func readCalendarKind(o doc.Section, key string) CalendarKind {
	name := o.Text(key)
	if known := calendarNames(); name != "" && !slices.Contains(known, name) {
		o.Fail(key, "is %s: use one of %s%s", doc.Brief(name), strings.Join(known, ", "), doc.DidYouMean(name, known))
		return NoCalendar
	}
	return CalendarKind(name)
}

// readDays reads a list of days.
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
