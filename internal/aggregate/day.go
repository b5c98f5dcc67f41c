// Days of statements, and arithmetic on amounts as texts.

package aggregate

import (
	"strconv"
	"time"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// maxPause is how many days in a row a calendar may lack a statement.
const maxPause = 14

// previousDayFunc returns the latest earlier day on which the calendar expects a statement.
type previousDayFunc func(s *statement.Statement, day time.Time) time.Time

// newPreviousDay uses the calendar of the account's institution. Without a calendar it is the day before.
func newPreviousDay(p *project.Project) previousDayFunc {
	return func(s *statement.Statement, day time.Time) time.Time {
		before := day.AddDate(0, 0, -1)
		i := p.InstitutionOf(s.Servicer, s.Account)
		if i == nil || i.Statements.Kind == project.NoCalendar {
			return before
		}
		calendar := i.Statements
		calendar.Since = time.Time{} // Since limits what may be missing, not which days have statements
		for n := range maxPause {
			if earlier := before.AddDate(0, 0, -n); calendar.Expects(earlier) {
				return earlier
			}
		}
		return before
	}
}

// parseDay parses a day of a stored event, which intake has checked.
func parseDay(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic("day of a stored event: " + err.Error())
	}
	return t
}

func dayAfter(day string) string  { return parseDay(day).AddDate(0, 0, 1).Format(time.DateOnly) }
func dayBefore(day string) string { return parseDay(day).AddDate(0, 0, -1).Format(time.DateOnly) }

// daysBetween is the number of days from one day to another.
func daysBetween(from, to string) int {
	return int(parseDay(to).Sub(parseDay(from)) / (24 * time.Hour))
}

// parseCount parses a count of a stored event.
func parseCount(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("count of a stored event: " + err.Error())
	}
	return n
}
