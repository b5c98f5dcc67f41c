// Orders an account's statements by their days, and within a day so that each opens with the previous closing balance.

package completeness

import (
	"cmp"
	"slices"
	"strconv"
)

// inOrder sorts statements by their last day. Statements of that day alone come first, in the order of their balances:
// each opens with the closing balance of another, whatever their numbers are. Then come those of longer intervals.
func inOrder(statements []*storedStatement) []*storedStatement {
	statements = slices.Clone(statements)
	slices.SortStableFunc(statements, func(a, b *storedStatement) int {
		return cmp.Or(cmp.Compare(a.To, b.To), -cmp.Compare(a.From, b.From), compareNumbers(a.Number, b.Number), compareNumbers(a.page, b.page), cmp.Compare(a.Place, b.Place))
	})
	ordered, closing := make([]*storedStatement, 0, len(statements)), ""
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
func trail(statements []*storedStatement, closing string) []*storedStatement {
	if len(statements) == 1 {
		return statements
	}
	g := newGraph(statements)
	ordered := make([]*storedStatement, 0, len(statements))
	if g.out[closing] > g.in[closing] || !g.starts() {
		ordered = g.walk(ordered, closing)
	}
	for _, s := range statements {
		if g.out[s.Opening] > g.in[s.Opening] {
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
	from    map[string][]*storedStatement
	in, out map[string]int
}

func newGraph(statements []*storedStatement) *graph {
	g := &graph{from: map[string][]*storedStatement{}, in: map[string]int{}, out: map[string]int{}}
	for _, s := range statements {
		g.from[s.Opening] = append(g.from[s.Opening], s)
		g.out[s.Opening]++
		g.in[s.Closing]++
	}
	return g
}

// starts reports whether more statements open than close with some balance: a trail begins there.
func (g *graph) starts() bool {
	for balance, n := range g.out {
		if n > g.in[balance] {
			return true
		}
	}
	return false
}

// walk appends all that can be reached from a balance (Hierholzer's algorithm).
func (g *graph) walk(ordered []*storedStatement, balance string) []*storedStatement {
	first := len(ordered)
	var path []*storedStatement
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
