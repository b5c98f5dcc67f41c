// Calendars: on which days an institution sends statements.

package project

import (
	"slices"
	"time"

	"github.com/rickar/cal/v2"
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
