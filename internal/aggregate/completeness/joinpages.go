// Joins the pages of statements whose totals are those of all pages, and finds pages that were not received.

package completeness

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
)

// maxPageDistance is how many days apart the pages of one statement may be: a page without a closing balance has the day
// on which it was made. Banks restart their numbers each year.
const maxPageDistance = 7

// joinPages joins the pages of each statement that do not balance alone, and those whose order their days do not show.
// Others stay as they are, in no particular order.
func joinPages(statements []*Statement) []*Statement {
	markMissing(statements)
	byName := map[string][]*Statement{}
	var all []*Statement
	for _, s := range statements {
		if s.page == "" && !s.hasPageBefore && !s.hasPageAfter {
			all = append(all, s)
			continue
		}
		byName[s.name()] = append(byName[s.name()], s)
	}
	for _, pages := range byName {
		slices.SortStableFunc(pages, func(a, b *Statement) int { return cmp.Compare(a.To, b.To) })
		for len(pages) > 0 {
			n := 1
			for n < len(pages) && statement.DaysBetween(pages[n-1].To, pages[n].To) <= maxPageDistance {
				n++
			}
			all = append(all, joinConsecutive(joinTotals(pages[:n]))...)
			pages = pages[n:]
		}
	}
	return all
}

// name is the bank's name of the statement that t is, or is a page of.
func (t *Statement) name() string { return cmp.Or(t.Number, t.label) }

// joinConsecutive joins pages that continue one another within a day that both cover, and pages between which one is missing.
func joinConsecutive(pages []*Statement) (all []*Statement) {
	if len(pages) == 1 {
		return pages
	}
	rest := slices.Clone(pages)
	slices.SortStableFunc(rest, func(a, b *Statement) int {
		return cmp.Or(compareNumbers(a.page, b.page), cmp.Compare(a.From, b.From))
	})
	for len(rest) > 0 {
		whole, last := *rest[0], rest[0]
		rest = rest[1:]
		for {
			n := slices.IndexFunc(rest, func(p *Statement) bool {
				within := p.From <= whole.To && whole.From < max(whole.To, p.To)
				return within && whole.Closing != "" && whole.Closing == p.Opening && last.precedes(p) || last.skips(p)
			})
			if n < 0 {
				break
			}
			whole.appendPage(rest[n])
			last = rest[n]
			rest = slices.Delete(rest, n, n+1)
		}
		all = append(all, &whole)
	}
	return all
}

// precedes reports whether p may be the next page by number. If a message continues after an interim balance, both have
// the number of the message.
func (t *Statement) precedes(p *Statement) bool {
	if n := numbersBetween(t.page, p.page); n != 0 {
		return n == 1
	}
	return t.hasPageAfter && p.hasPageBefore
}

// numbersBetween is by how much the second number of a page or statement is greater; 0 if one of the two is none.
func numbersBetween(first, second string) int {
	one, err := strconv.Atoi(first)
	other, wrong := strconv.Atoi(second)
	if err != nil || wrong != nil {
		return 0
	}
	return other - one
}

// skips reports whether p is a later page, and the pages between them are missing.
func (t *Statement) skips(p *Statement) bool {
	return t.hasPageAfter && p.hasPageBefore && t.missingPages != "" && p.missingPages != "" && numbersBetween(t.page, p.page) > 1
}

// joinTotals joins pages if all pages from the first one on are there, and one of them lacks a balance or has the
// balances of the whole. Among several versions it joins those that balance together.
func joinTotals(pages []*Statement) []*Statement {
	open := func(p *Statement) bool { return p.fault == "" && (!p.balanced() || p.pageFault != "") }
	stated := func(p *Statement) bool { return p.Opening != "" || p.Closing != "" }
	if !slices.ContainsFunc(pages, open) || !slices.ContainsFunc(pages, stated) {
		return pages
	}
	all, rest := provenTogether(pages)
	slices.SortStableFunc(rest, func(a, b *Statement) int { return compareNumbers(a.page, b.page) })
	n := 0
	for n < len(rest) && rest[n].page == strconv.Itoa(n+1) {
		n++
	}
	if n < len(rest) || n < 2 {
		for i, p := range rest {
			if len(all) > 0 && !p.balanced() && p.pageFault == "" {
				over := *p
				over.pageFault = "other pages of the statement hold together without this one"
				rest[i] = &over
			}
		}
		return append(all, rest...)
	}
	whole := rest[0].asWhole()
	for _, p := range rest[1:] {
		whole.appendPage(p)
	}
	return append(all, &whole)
}

// asWhole is the start of a joined statement, made of its first page.
func (t *Statement) asWhole() Statement {
	whole := *t
	whole.page, whole.pageFault = "", ""
	return whole
}

// Pages are the pages that the statement was joined from, or the statement itself.
func (t *Statement) Pages() []*Statement {
	if t.parts != nil {
		return t.parts
	}
	return []*Statement{t}
}

func (t *Statement) appendPage(p *Statement) {
	if t.parts == nil {
		first := *t
		t.parts = []*Statement{&first}
	}
	t.parts = append(t.parts, p)
	switch {
	case t.Opening == "" && p.Opening != "":
		t.Opening, t.From = p.Opening, p.From
	case t.Opening == "":
		t.From = min(t.From, p.From)
	}
	if p.Closing != "" || t.Closing == "" {
		t.Closing, t.To, t.closingDay = p.Closing, p.To, p.closingDay
	}
	t.From = min(t.From, t.To)
	t.Entries, t.Operations, t.Amount = t.Entries+p.Entries, t.Operations+p.Operations, statement.Subtract(t.Amount, statement.Subtract("0", p.Amount))
	t.firstEntryDay, t.lastEntryDay = min(cmp.Or(t.firstEntryDay, p.firstEntryDay), cmp.Or(p.firstEntryDay, t.firstEntryDay)), max(t.lastEntryDay, p.lastEntryDay)
	t.content = identity.Of(t.content, p.content).String()
	if t.fault == "" {
		t.fault, t.faultDigest = p.fault, p.faultDigest
	}
	t.conflicts = t.conflicts || p.conflicts
	t.totals, t.missingPages = t.totals || p.totals, statement.JoinTexts(t.missingPages, p.missingPages)
}

// markMissing notes on each page whose previous or next page was not received that this one is missing. The other page
// is found by its number, or by an equal interim balance.
func markMissing(statements []*Statement) {
	byName := map[string][]*Statement{}
	opens, closes := map[string][]*Statement{}, map[string][]*Statement{}
	for _, s := range statements {
		byName[s.name()] = append(byName[s.name()], s)
		if s.hasPageBefore {
			opens[s.Opening] = append(opens[s.Opening], s)
		}
		if s.hasPageAfter {
			closes[s.Closing] = append(closes[s.Closing], s)
		}
	}
	for _, s := range statements {
		if s.hasPageAfter && !slices.ContainsFunc(byName[s.name()], s.isFollowedBy) && !slices.ContainsFunc(opens[s.Closing], s.balanceLeadsTo) {
			s.missingPages = s.missingPageText(1, "closes with", s.Closing)
		}
		precedes := func(p *Statement) bool { return p.isFollowedBy(s) }
		leadsHere := func(p *Statement) bool { return p.balanceLeadsTo(s) }
		if s.hasPageBefore && !slices.ContainsFunc(byName[s.name()], precedes) && !slices.ContainsFunc(closes[s.Opening], leadsHere) {
			s.missingPages = statement.JoinTexts(s.missingPages, s.missingPageText(-1, "opens with", s.Opening))
		}
	}
}

// isFollowedBy reports whether p is the next page of the same number. If it opens with another balance than the closing
// one of t, it belongs to another version, unless both state the balances of the whole.
func (t *Statement) isFollowedBy(p *Statement) bool {
	otherVersion := t.Closing != "" && p.Opening != "" && p.Opening != t.Closing && p.Opening != t.Opening
	return numbersBetween(t.page, p.page) == 1 && daysNear(t, p) && !otherVersion
}

// balanceLeadsTo reports whether p opens with the closing balance of t, and their numbers do not contradict that.
func (t *Statement) balanceLeadsTo(p *Statement) bool {
	return t != p && daysNear(t, p) && t.Closing != "" && (t.name() != p.name() || t.precedes(p))
}

func daysNear(a, b *Statement) bool {
	days := statement.DaysBetween(a.To, b.To)
	return -maxPageDistance <= days && days <= maxPageDistance
}

// missingPageText names the page that lies some pages after this one.
func (t *Statement) missingPageText(behind int, does, balance string) string {
	which := "the next page"
	if behind < 0 {
		which = "the page before"
	}
	this := "this page"
	if n, err := strconv.Atoi(t.page); err == nil && n+behind > 0 {
		which, this = fmt.Sprintf("page %d", n+behind), fmt.Sprintf("page %d", n)
	}
	if name := t.name(); name != "" {
		which += " of statement " + name
	}
	if balance == "" {
		return fmt.Sprintf("%s is missing: %s is said not to be the last", which, this)
	}
	return fmt.Sprintf("%s is missing: %s %s the interim balance %s", which, this, does, balance)
}
