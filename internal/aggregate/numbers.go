// Gaps in the numbers that a bank gives to an account's statements.

package aggregate

import (
	"fmt"
	"slices"
	"strconv"
)

// skip is where the numbers go on with another one than the next.
type skip struct {
	at       int // the statement behind
	from, to int // the numbers that are missing
}

// noteSkippedNumbers says of statements, in their order, that others before them are missing by their numbers, if the bank numbers an
// account's statements one by one: there are as many steps by one as there are others. Some banks begin again each year. Where there is a
// gap before the statement, that says it.
func noteSkippedNumbers(links []link, gaps []Interval) {
	var skips []skip
	steps, before, year := 0, 0, ""
	for i, l := range links {
		n, err := strconv.Atoi(l.Number)
		if err != nil || n <= 0 || l.overlaps || l.repeated {
			continue
		}
		switch was := before; {
		case year != l.To[:len("2006")] || n <= was:
		case n == was+1:
			steps++
		default:
			skips = append(skips, skip{i, was + 1, n - 1})
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
		is := &links[s.at].interval
		if slices.ContainsFunc(gaps, func(g Interval) bool { return after(g.To) == is.From }) {
			continue
		}
		is.Reason = joinTexts(is.Reason, which+" missing by the bank's numbers")
	}
}
