// On which days an institution sends statements.

package project

import (
	"slices"
	"time"

	"github.com/rickar/cal/v2"
)

// CalendarKind is the rule of a calendar: one of the constants, or the name of a holiday calendar such as "target" or "de".
type CalendarKind string

// The rules that are no holiday calendars.
const (
	NoCalendar   CalendarKind = ""               // nothing is known of when statements come
	EveryFileDay CalendarKind = "every file day" // a day of which any file of the institution came has one for each account
	Daily        CalendarKind = "daily"          // every calendar day
	Weekdays     CalendarKind = "weekdays"       // Monday to Friday
)

// Calendar tells the days of which each account of an institution has a statement. Days are midnights in UTC.
type Calendar struct {
	Kind   CalendarKind
	Except []time.Time // days without a statement all the same
	Also   []time.Time // days with one all the same
	Since  time.Time   // the first day that is looked at; zero is none
}

// Expects reports whether a statement of a day is due. With EveryFileDay it is due if a file of the institution came for that
// day, which the caller knows; with NoCalendar never.
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
