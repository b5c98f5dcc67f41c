// Finds days on which a statement was expected and none was received, and numbers of statements that were skipped.

package completeness

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
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

// skip is a gap in the numbers.
type skip struct {
	index    int // index of the statement after the gap
	from, to int // the missing numbers
}

// noteSkippedNumbers adds to the reasons of statements, in their order, that statements before them are missing by
// number, if the bank numbers the statements of an account consecutively: at least as many steps are by one as are not.
// Some banks restart each year. A statement after a gap of days is left out, because the gap says the same.
func noteSkippedNumbers(links []link, gaps []Interval) {
	var skips []skip
	steps, before, year := 0, 0, ""
	for i, l := range links {
		n, err := strconv.Atoi(l.Number)
		if err != nil || n <= 0 || l.overlaps || l.repeated {
			continue
		}
		switch previous := before; {
		case year != l.To[:len("2006")] || n <= previous:
		case n == previous+1:
			steps++
		default:
			skips = append(skips, skip{i, previous + 1, n - 1})
		}
		before, year = n, l.To[:len("2006")]
	}
	if steps < len(skips) || steps == 0 {
		return
	}
	for _, s := range skips {
		which := fmt.Sprintf("statement %d is", s.from)
		if s.to > s.from {
			which = fmt.Sprintf("statements %d to %d are", s.from, s.to)
		}
		interval := &links[s.index].interval
		if slices.ContainsFunc(gaps, func(g Interval) bool { return statement.DayAfter(g.To) == interval.From }) {
			continue
		}
		interval.Reason = statement.JoinTexts(interval.Reason, which+" missing by the bank's numbers")
	}
}
