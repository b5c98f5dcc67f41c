// Finds pages of statements that were not received.

package completeness

import (
	"fmt"
	"slices"
	"strconv"

	"bursar/internal/aggregate/format/statement"
)

// markMissing notes on each page whose previous or next page was not received that this one is missing. The other page
// is found by its number, or by an equal interim balance.
func markMissing(statements []*storedStatement) {
	byName := map[string][]*storedStatement{}
	opens, closes := map[string][]*storedStatement{}, map[string][]*storedStatement{}
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
		if s.hasPageAfter && !someOf(byName[s.name()], s.isFollowedBy) && !someOf(opens[s.Closing], s.balanceLeadsTo) {
			s.missingPages = s.missingPageText(1, "closes with", s.Closing)
		}
		if s.hasPageBefore && !someOf(byName[s.name()], func(p *storedStatement) bool { return p.isFollowedBy(s) }) && !someOf(closes[s.Opening], func(p *storedStatement) bool { return p.balanceLeadsTo(s) }) {
			s.missingPages = statement.JoinTexts(s.missingPages, s.missingPageText(-1, "opens with", s.Opening))
		}
	}
}

// isFollowedBy reports whether p is the next page of the same number. If it opens with another balance than the closing
// one of t, it belongs to another version, unless both state the balances of the whole.
func (t *storedStatement) isFollowedBy(p *storedStatement) bool {
	one, err := strconv.Atoi(t.page)
	other, wrong := strconv.Atoi(p.page)
	otherVersion := t.Closing != "" && p.Opening != "" && p.Opening != t.Closing && p.Opening != t.Opening
	return err == nil && wrong == nil && other == one+1 && daysNear(t, p) && !otherVersion
}

// balanceLeadsTo reports whether p opens with the closing balance of t, and their numbers do not contradict that.
func (t *storedStatement) balanceLeadsTo(p *storedStatement) bool {
	return t != p && daysNear(t, p) && t.Closing != "" && (t.name() != p.name() || t.precedes(p))
}

func daysNear(a, b *storedStatement) bool {
	days := statement.DaysBetween(a.To, b.To)
	return -maxPageDistance <= days && days <= maxPageDistance
}

func someOf(list []*storedStatement, is func(*storedStatement) bool) bool {
	return slices.ContainsFunc(list, is)
}

// missingPageText names the page that lies some pages after this one.
func (t *storedStatement) missingPageText(behind int, does, balance string) string {
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
