// Statements that come in pages, whose totals are of all pages together.

package aggregate

import (
	"cmp"
	"slices"
	"strconv"
)

// sameStatement is how many days apart the pages of one statement may be: one without a closing balance is of the day it was made.
// Banks begin their numbers again each year.
const sameStatement = 7

// joined makes one of the pages of each statement that do not hold by themselves. Others stay as they are, in no order.
func joined(statements []*told) []*told {
	byName := map[string][]*told{}
	var all []*told
	for _, s := range statements {
		if s.page == "" {
			all = append(all, s)
			continue
		}
		name := cmp.Or(s.Number, s.label)
		byName[name] = append(byName[name], s)
	}
	for _, pages := range byName {
		slices.SortStableFunc(pages, func(a, b *told) int { return cmp.Compare(a.To, b.To) })
		for len(pages) > 0 {
			n := 1
			for n < len(pages) && apart(pages[n-1].To, pages[n].To) <= sameStatement {
				n++
			}
			all = append(all, join(pages[:n])...)
			pages = pages[n:]
		}
	}
	return all
}

// join makes one of pages, where they are all pages from the first one on, and one of them has not both balances or has those of all.
func join(pages []*told) []*told {
	open := func(p *told) bool { return p.fault == "" && (!p.balanced() || p.pageFault != "") }
	stated := func(p *told) bool { return p.Opening != "" || p.Closing != "" }
	if !slices.ContainsFunc(pages, open) || !slices.ContainsFunc(pages, stated) {
		return pages
	}
	pages = slices.Clone(pages)
	slices.SortStableFunc(pages, func(a, b *told) int { return numbers(a.page, b.page) })
	for i, p := range pages {
		if n, err := strconv.Atoi(p.page); err != nil || n != i+1 {
			return pages
		}
	}
	if len(pages) == 1 {
		return pages
	}
	whole := *pages[0]
	whole.page, whole.pageFault = "", ""
	for _, p := range pages[1:] {
		whole.turn(p)
	}
	return []*told{&whole}
}

// turn takes the next page in.
func (t *told) turn(p *told) {
	switch {
	case t.Opening == "" && p.Opening != "":
		t.Opening, t.From = p.Opening, p.From
	case t.Opening == "":
		t.From = min(t.From, p.From)
	}
	if p.Closing != "" || t.Closing == "" {
		t.Closing, t.To = p.Closing, p.To
	}
	t.From = min(t.From, t.To)
	t.Entries, t.Operations, t.Amount = t.Entries+p.Entries, t.Operations+p.Operations, difference(t.Amount, difference("0", p.Amount))
	t.first, t.final = min(cmp.Or(t.first, p.first), cmp.Or(p.first, t.first)), max(t.final, p.final)
	t.said = digestOf(t.said, p.said).String()
	t.totals, t.fault = t.totals || p.totals, cmp.Or(t.fault, p.fault)
}
