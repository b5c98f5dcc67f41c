// Joins pages into whole statements: those that each balance alone, and those that state the balances of the whole.

package completeness

import (
	"cmp"
	"slices"
	"strconv"

	"bursar/internal/aggregate/format/statement"
)

// maxChains limits the pages that are joined after one first page: versions of pages may follow one another in many ways.
const maxChains = 1000

// pageAt is a page by the name of its statement, its number and its opening balance.
type pageAt struct{ name, page, opening string }

// pageChain is consecutive pages of a statement, from the first one on.
type pageChain struct {
	whole Statement
	last  *Statement
}

// length is how many pages have consecutive numbers: that of the last one.
func (c *pageChain) length() int {
	n, _ := strconv.Atoi(c.last.page) // only pages with a number are joined
	return n
}

// wholeOfPages joins statements from pages that balance, whichever files contain them.
func wholeOfPages(proven []*Statement) (all []*Statement) {
	pages := map[pageAt][]*Statement{}
	for _, p := range proven {
		if p.page != "" {
			at := pageAt{p.name(), p.page, p.Opening}
			pages[at] = append(pages[at], p)
		}
	}
	for _, first := range proven {
		if first.page != "1" {
			continue
		}
		chains := []pageChain{{*first, first}}
		chains[0].whole.page = ""
		for made := 0; len(chains) > 0; {
			c := chains[len(chains)-1]
			chains = chains[:len(chains)-1]
			next := c.next(pages, maxChains-made)
			made += len(next)
			if len(next) == 0 && len(c.whole.parts) > 0 {
				all = append(all, &c.whole)
			}
			chains = append(chains, next...)
		}
	}
	return all
}

// next extends the chain with each version of the next page, one of those with the same closing balance, and at most so many.
func (c *pageChain) next(pages map[pageAt][]*Statement, most int) (list []pageChain) {
	candidates := slices.Clone(pages[pageAt{c.last.name(), strconv.Itoa(c.length() + 1), c.whole.Closing}])
	slices.SortFunc(candidates, func(a, b *Statement) int {
		return cmp.Or(cmp.Compare(a.Closing, b.Closing), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Place, b.Place))
	})
	for i, p := range candidates {
		if len(list) == most {
			break
		}
		if i > 0 && candidates[i-1].Closing == p.Closing || statement.DaysBetween(min(c.last.To, p.To), max(c.last.To, p.To)) > maxPageDistance {
			continue
		}
		whole := c.whole
		whole.parts = slices.Clone(whole.parts)
		whole.appendPage(p)
		list = append(list, pageChain{whole, p})
	}
	return list
}

// provenTogether joins one page of each number, from the first to a last one, wherever their entries lead from the
// opening to the closing balance. left are the pages that are in no such sequence.
func provenTogether(pages []*Statement) (all, left []*Statement) {
	numbered := pagesByNumber(pages)
	used := map[*Statement]bool{}
	var open []pageChain
	for _, same := range numbered[1] {
		whole := same[0].asWhole()
		whole.parts = slices.Clone(same)
		open = append(open, pageChain{whole, same[0]})
	}
	for made := 0; len(open) > 0; {
		b := open[len(open)-1]
		open = open[:len(open)-1]
		if w := &b.whole; b.length() > 1 && !b.last.hasPageAfter && w.fault == "" && w.balanced() && w.addsUp() {
			all = append(all, w)
			for _, p := range w.parts {
				used[p] = true
			}
			continue
		}
		for _, same := range numbered[b.length()+1] {
			if next, fits := b.withPage(same); fits && made < maxChains {
				open = append(open, next)
				made++
			}
		}
	}
	return all, slices.DeleteFunc(slices.Clone(pages), func(p *Statement) bool { return used[p] })
}

// pagesByNumber groups pages by number; pages with equal content are together, in an order that does not depend on that of the input.
func pagesByNumber(pages []*Statement) map[int][][]*Statement {
	pages = slices.Clone(pages)
	same := func(a, b *Statement) int {
		return cmp.Or(compareNumbers(a.page, b.page), cmp.Compare(a.Opening, b.Opening), cmp.Compare(a.Closing, b.Closing), cmp.Compare(a.content, b.content))
	}
	slices.SortFunc(pages, func(a, b *Statement) int {
		return cmp.Or(same(a, b), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Place, b.Place))
	})
	all := map[int][][]*Statement{}
	for len(pages) > 0 {
		n := 1
		for n < len(pages) && same(pages[0], pages[n]) == 0 {
			n++
		}
		if number, err := strconv.Atoi(pages[0].page); err == nil {
			all[number] = append(all[number], pages[:n:n])
		}
		pages = pages[n:]
	}
	return all
}

// withPage adds the next page, unless it states other balances of the whole.
func (c *pageChain) withPage(same []*Statement) (next pageChain, fits bool) {
	p := same[0]
	if differ(c.whole.Opening, p.Opening) || differ(c.whole.Closing, p.Closing) {
		return next, false
	}
	next = pageChain{c.whole, p}
	next.whole.parts = slices.Clone(c.whole.parts)
	next.whole.appendPage(p)
	next.whole.parts = append(next.whole.parts, same[1:]...)
	return next, true
}

func differ(one, other string) bool { return one != "" && other != "" && one != other }
