// Finds gaps in the numbers that a bank gives to an account's statements.

package completeness

import (
	"fmt"
	"slices"
	"strconv"

	"bursar/internal/aggregate/format/statement"
)

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
