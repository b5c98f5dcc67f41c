// Finds days on which a statement was expected and none was received.

package completeness

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"bursar/internal/aggregate/format/statement"
)

// missing lists the days in a range on which a statement is expected, and that neither a statement nor a BROKEN gap
// covers. Days without a covered day between them are one interval. The range begins with the first known day of the
// account, or earlier if since says so. Accepted days are intervals of their own.
func missing(known []Interval, expects func(day time.Time) bool, declared, since, until string, accepted []*Acceptance) (gaps []Interval) {
	if expects == nil {
		return nil
	}
	covered := slices.Clone(known)
	slices.SortFunc(covered, func(a, b Interval) int { return cmp.Compare(a.From, b.From) })
	from := since
	if len(covered) > 0 {
		from = min(cmp.Or(since, covered[0].From), covered[0].From)
	}
	open, at, furthest := false, 0, ""
	for day := from; day != "" && day <= until; day = statement.DayAfter(day) {
		for ; at < len(covered) && covered[at].From <= day; at++ {
			furthest = max(furthest, covered[at].To)
		}
		if day <= furthest {
			open, day = false, furthest
			continue
		}
		if !expects(statement.ParseDay(day)) {
			continue
		}
		acceptance := acceptedOn(accepted, day)
		if last := len(gaps) - 1; open && gaps[last].Accepted == acceptance {
			gaps[last].To = day
			continue
		}
		gaps = append(gaps, Interval{From: day, To: day, State: Unknown, Accepted: acceptance, Reason: fmt.Sprintf("no statement was received, and the calendar (%s) expects one", declared)})
		open = true
	}
	return gaps
}

// acceptedOn is the acceptance of a day without a statement, or nil.
func acceptedOn(list []*Acceptance, day string) *Acceptance {
	for _, a := range list {
		if a.From <= day && day <= a.To {
			return a
		}
	}
	return nil
}
