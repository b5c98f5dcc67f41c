// Days, and differences in text.

package aggregate

import (
	"strconv"
	"time"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// longestPause is how many days without a statement a calendar may have in a row.
const longestPause = 14

// previousDayFunc is the last day before, of which there was a statement to be.
type previousDayFunc func(s *statement.Statement, day time.Time) time.Time

// newPreviousDay tells it by the calendar of the account's institution; it is the day before if none is declared.
func newPreviousDay(p *project.Project) previousDayFunc {
	return func(s *statement.Statement, day time.Time) time.Time {
		before := day.AddDate(0, 0, -1)
		i := p.InstitutionOf(s.Servicer, s.Account)
		if i == nil || i.Statements.Kind == project.NoCalendar {
			return before
		}
		calendar := i.Statements
		calendar.Since = time.Time{} // it bounds what is missing, not which days there are
		for n := range longestPause {
			if earlier := before.AddDate(0, 0, -n); calendar.Expects(earlier) {
				return earlier
			}
		}
		return before
	}
}

// parseDay reads a day as streams hold it: it has passed intake.
func parseDay(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic("day of a stored event: " + err.Error())
	}
	return t
}

func after(day string) string   { return parseDay(day).AddDate(0, 0, 1).Format(time.DateOnly) }
func earlier(day string) string { return parseDay(day).AddDate(0, 0, -1).Format(time.DateOnly) }

// apart is how many days lie from one to another.
func apart(from, to string) int { return int(parseDay(to).Sub(parseDay(from)) / (24 * time.Hour)) }

// difference is a - b.
func difference(a, b string) string {
	var x, y statement.Sum
	x.Add(a)
	y.Add(b)
	x.Minus(&y)
	return x.String()
}

// number reads a count of a stored event.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("count of a stored event: " + err.Error())
	}
	return n
}

// trimAmount is a stored amount without the zeros at its end beyond cents; empty stays empty.
func trimAmount(amount string) string {
	var s statement.Sum
	if !s.Add(amount) {
		return amount
	}
	return s.String()
}
