// Joins pages that each balance alone into whole statements, to compare these with other versions.

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

// pageChain is consecutive pages.
type pageChain struct {
	whole storedStatement
	last  *storedStatement
}

// wholeOfPages joins statements from pages that balance, whichever files contain them.
func wholeOfPages(proven []*storedStatement) (all []*storedStatement) {
	pages := map[pageAt][]*storedStatement{}
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
func (c *pageChain) next(pages map[pageAt][]*storedStatement, most int) (list []pageChain) {
	n, err := strconv.Atoi(c.last.page)
	if err != nil {
		return nil
	}
	candidates := slices.Clone(pages[pageAt{c.last.name(), strconv.Itoa(n + 1), c.whole.Closing}])
	slices.SortFunc(candidates, func(a, b *storedStatement) int {
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
