// Suggests which posted transactions pending ones may have become with another amount or text.

package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

const (
	// maxShare is the reciprocal of the share by which amounts may differ: a fifth.
	maxShare = 5
	// maxCompared bounds the pending transactions that one posted one is compared with, on each side of its amount.
	maxCompared = 25
)

// likeness is how similar a pending transaction is to a posted one. Smaller is more similar.
type likeness struct {
	otherAmount, otherParty int // 0 or 1
	words                   int // that they have in common, negative
	difference              statement.Sum
	days                    int
}

func (l likeness) compare(o likeness) int {
	return cmp.Or(cmp.Compare(l.otherAmount, o.otherAmount), cmp.Compare(l.otherParty, o.otherParty), cmp.Compare(l.words, o.words),
		l.difference.Minus(o.difference).Sign(), cmp.Compare(l.days, o.days))
}

// suggestPosted suggests the most similar pending transaction for each new posted one. Each pending one is suggested once.
func (b *book) suggestPosted(candidates []*Entry, added []*Entry) {
	candidates = slices.DeleteFunc(candidates, func(e *Entry) bool { return e.Status == Posted || e.Status == Merged })
	compare := func(currency string, amount statement.Sum, e *Entry) int {
		return cmp.Or(cmp.Compare(currency, e.Currency), amount.Minus(e.amount()).Sign())
	}
	slices.SortFunc(candidates, func(x, y *Entry) int { return cmp.Or(compare(x.Currency, x.amount(), y), byAge(x, y)) })
	used := map[*Entry]bool{}
	for _, posted := range added {
		if posted.Status != Posted {
			continue
		}
		at := sort.Search(len(candidates), func(i int) bool { return compare(posted.Currency, posted.amount(), candidates[i]) <= 0 })
		var best *Entry
		var least likeness
		for _, e := range candidates[max(0, at-maxCompared):min(len(candidates), at+maxCompared)] {
			l, similar := likenessOf(e, posted)
			if similar && !used[e] && (best == nil || l.compare(least) < 0) {
				best, least = e, l
			}
		}
		if best != nil {
			used[best] = true
			b.suggest(Posts, best, posted, fmt.Sprintf("%q (%s, %s) may post the pending %q (%s, %s)",
				posted.Source, posted.Amount, posted.Booked, best.Source, best.Amount, best.day()))
		}
	}
}

// likenessOf compares a pending transaction with a posted one of its currency.
func likenessOf(e, posted *Entry) (l likeness, similar bool) {
	pending, amount := e.amount(), posted.amount()
	l.difference = absolute(amount.Minus(pending))
	var bound statement.Sum
	for range maxShare {
		bound = bound.Plus(l.difference)
	}
	if e.Currency != posted.Currency || pending.Sign() != amount.Sign() || bound.Minus(absolute(pending)).Sign() > 0 || !daysFit(e, &posted.Content) {
		return l, false
	}
	if l.difference.Sign() != 0 {
		l.otherAmount = 1
	}
	l.days = statement.DaysBetween(e.day(), posted.Booked)
	x, y := e.label(), posted.label()
	if x.party != y.party || x.party == "" {
		l.otherParty = 1
	}
	own, other := words(x), words(y)
	for _, word := range own {
		if _, common := slices.BinarySearch(other, word); common {
			l.words--
		}
	}
	fewer := min(len(own), len(other))
	return l, l.otherParty == 0 || fewer == 0 && l.otherAmount == 0 || l.words < 0 && -2*l.words >= fewer
}

// words are the words of a label without numbers, sorted.
func words(l label) []string {
	list := strings.FieldsFunc(l.party+" "+l.text, func(r rune) bool { return r == ' ' || r >= '0' && r <= '9' })
	slices.Sort(list)
	return slices.Compact(list)
}

func absolute(s statement.Sum) statement.Sum {
	if s.Sign() < 0 {
		return statement.Sum{}.Minus(s)
	}
	return s
}
