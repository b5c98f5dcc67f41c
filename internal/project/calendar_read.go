// Reads `statements` of an institution.

package project

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// readCalendar reads the name of a calendar, or a mapping with its exceptions.
func readCalendar(o section) Calendar {
	if n := o.values["statements"]; n == nil || n.Kind != yaml.MappingNode {
		return Calendar{Kind: o.calendar("statements")}
	}
	s := o.sub("statements", "calendar", "except", "also", "since")
	s.require("calendar")
	c := Calendar{Kind: s.calendar("calendar"), Except: s.days("except"), Also: s.days("also")}
	if s.has("since") {
		c.Since = s.day("since", s.values["since"])
	}
	if len(c.Also) > 0 && (c.Kind == EveryFileDay || c.Kind == Daily) {
		s.fail("also", "has no effect beside `%s`, which has every day", c.Kind)
	}
	for i, day := range c.Also {
		path := fmt.Sprintf("%s.%d", s.at("also"), i)
		switch {
		case containsDay(c.Except, day):
			s.src.failAt(path, "`also` lists %s, and so does `except`", day.Format(time.DateOnly))
		case day.Before(c.Since):
			s.src.failAt(path, "`also` lists %s, which is before `since`", day.Format(time.DateOnly))
		}
	}
	return c
}

// calendar reads the kind of a calendar.
func (o section) calendar(key string) CalendarKind {
	name := o.text(key)
	if known := calendarNames(); name != "" && !slices.Contains(known, name) {
		o.fail(key, "is %s: use one of %s%s", brief(name), strings.Join(known, ", "), didYouMean(nearest(name, known)))
		return NoCalendar
	}
	return CalendarKind(name)
}

// days reads a list of days.
func (o section) days(key string) []time.Time {
	n := o.values[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxEntries {
		o.fail(key, "must be a list of days such as [2024-12-24]")
		return nil
	}
	days := make([]time.Time, len(n.Content))
	for i, value := range n.Content {
		o.src.lines[fmt.Sprintf("%s.%d", o.at(key), i)] = value.Line
		days[i] = o.day(key, value)
	}
	return days
}

// day reads a date, quoted or not: YAML has a type for dates.
func (o section) day(key string, n *yaml.Node) time.Time {
	if n.Kind == yaml.ScalarNode {
		if day, err := time.Parse(time.DateOnly, n.Value); err == nil && !day.IsZero() {
			return day
		}
	}
	o.src.fail(n.Line, "`%s` has %s, which is not a valid day: write it as 2024-12-24", key, brief(n.Value))
	return time.Time{}
}
