// Orders an account's statements by their days, and within a day by their balances; and finds missing days and skipped
// numbers between them.

package completeness

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bursar/internal/aggregate/format/statement"
)

// inOrder sorts statements by their last day. Statements of that day alone come first, in the order of their balances:
// each opens with the closing balance of another, whatever their numbers are. Then come those of longer intervals.
func inOrder(statements []*Statement) []*Statement {
	statements = slices.Clone(statements)
	slices.SortStableFunc(statements, func(a, b *Statement) int {
		return cmp.Or(cmp.Compare(a.To, b.To), -cmp.Compare(a.From, b.From), compareNumbers(a.Number, b.Number), compareNumbers(a.page, b.page), cmp.Compare(a.Place, b.Place))
	})
	ordered, closing := make([]*Statement, 0, len(statements)), ""
	for rest := statements; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].To == rest[0].To && rest[n].From == rest[0].From {
			n++
		}
		ordered = append(ordered, trail(rest[:n], closing)...)
		closing = ordered[len(ordered)-1].Closing
		rest = rest[n:]
	}
	return ordered
}

// trail orders statements of the same days so that as many as possible open with the previous closing balance,
// beginning with closing. Balances are the nodes of a graph, statements its edges: the order is an Eulerian trail.
func trail(statements []*Statement, closing string) []*Statement {
	if len(statements) == 1 {
		return statements
	}
	g := &graph{from: map[string][]*Statement{}, in: map[string]int{}, out: map[string]int{}}
	for _, s := range statements {
		g.from[s.Opening] = append(g.from[s.Opening], s)
		g.out[s.Opening]++
		g.in[s.Closing]++
	}
	ordered := make([]*Statement, 0, len(statements))
	starts := func(s *Statement) bool { return g.out[s.Opening] > g.in[s.Opening] } // more open than close with this balance: a trail begins there
	if g.out[closing] > g.in[closing] || !slices.ContainsFunc(statements, starts) {
		ordered = g.walk(ordered, closing)
	}
	for _, s := range statements {
		if starts(s) {
			ordered = g.walk(ordered, s.Opening)
		}
	}
	for _, s := range statements {
		ordered = g.walk(ordered, s.Opening)
	}
	return ordered
}

// graph is the statements that are not ordered yet, by opening balance.
type graph struct {
	from    map[string][]*Statement
	in, out map[string]int
}

// walk appends all that can be reached from a balance (Hierholzer's algorithm).
func (g *graph) walk(ordered []*Statement, balance string) []*Statement {
	first := len(ordered)
	var path []*Statement
	for {
		if next := g.from[balance]; len(next) > 0 {
			g.from[balance] = next[1:]
			g.out[balance]--
			g.in[next[0].Closing]--
			path, balance = append(path, next[0]), next[0].Closing
			continue
		}
		if len(path) == 0 {
			break
		}
		last := path[len(path)-1]
		path, balance = path[:len(path)-1], last.Opening
		ordered = append(ordered, last)
	}
	slices.Reverse(ordered[first:])
	return ordered
}

// compareNumbers compares numbers by value, and other texts as texts.
func compareNumbers(a, b string) int {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	if errX != nil || errY != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(x, y)
}

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
		var acceptance *Acceptance
		if i := slices.IndexFunc(accepted, func(a *Acceptance) bool { return a.From <= day && day <= a.To }); i >= 0 {
			acceptance = accepted[i]
		}
		if last := len(gaps) - 1; open && gaps[last].Accepted == acceptance {
			gaps[last].To = day
			continue
		}
		gaps = append(gaps, Interval{From: day, To: day, State: Unknown, Accepted: acceptance, Reason: fmt.Sprintf("no statement was received, and the calendar (%s) expects one", declared)})
		open = true
	}
	return gaps
}

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
