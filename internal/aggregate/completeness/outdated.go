// Decides between two versions of a statement that both balance: the next statement's opening balance decides.

package completeness

import (
	"cmp"
	"fmt"
	"slices"

	"bursar/internal/aggregate/format/statement"
)

// balancedStatements are the statements of one account and kind that balance by themselves.
type balancedStatements struct {
	sameDays map[span][]*Statement // by days and opening balance
	closings map[span][]*Statement // by days and closing balance
	byStart  []*Statement          // sorted by first day
}

func balancedOf(whole []*Statement) balancedStatements {
	b := balancedStatements{map[span][]*Statement{}, map[span][]*Statement{}, slices.Clone(whole)}
	for _, s := range whole {
		opens, closes := span{s.From, s.To, s.Opening}, span{s.From, s.To, s.Closing}
		b.sameDays[opens], b.closings[closes] = append(b.sameDays[opens], s), append(b.closings[closes], s)
	}
	slices.SortStableFunc(b.byStart, func(x, y *Statement) int { return cmp.Compare(x.From, y.From) })
	return b
}

// replacedBy returns the version of a statement that the next statement continues, and why; nil if the next statement
// continues the statement itself or neither. A version with more entries does not qualify:
// it may list a later state of the same day.
func (b *balancedStatements) replacedBy(s *Statement) (by *Statement, why string) {
	versions := b.sameDays[span{s.From, s.To, s.Opening}]
	if len(versions) < 2 || b.isContinued(s) {
		return nil, ""
	}
	openings, day := b.openingsAfter(s.To)
	if openings[s.Closing] {
		return nil, ""
	}
	for _, v := range versions {
		numbered := s.Number != "" && v.Number != ""
		other := numbered && s.Number != v.Number || s.page != "" && v.page != "" && s.page != v.page
		goesOn := openings[v.Closing] || numbered && v.page == "" && len(openings) > 0 && b.isContinued(v)
		if other || isPart(v, s.parts) || isPart(s, v.parts) || v.Entries > s.Entries || !goesOn {
			continue
		}
		if by == nil || cmp.Or(cmp.Compare(v.Object, by.Object), cmp.Compare(v.Place, by.Place)) < 0 {
			by, why = v, fmt.Sprintf("it closes with %s, and another version with %s, with which the statements behind it, up to %s, go on", s.Closing, v.Closing, day)
		}
	}
	return by, why
}

// replacedPages are the pages of superseded statements, by id. A page that also belongs to a counting statement counts.
func (b *balancedStatements) replacedPages(paged []*Statement) map[string]Replaced {
	replacedBy, counts := map[string]Replaced{}, map[string]bool{}
	for _, whole := range paged {
		by, why := b.replacedBy(whole)
		for _, page := range whole.parts {
			if by != nil {
				replacedBy[page.ID] = Replaced{page, by, why}
				continue
			}
			counts[page.ID] = true
		}
		if by != nil {
			for _, page := range by.Pages() {
				counts[page.ID] = true
			}
		}
	}
	for id := range counts {
		delete(replacedBy, id)
	}
	return replacedBy
}

// openingsAfter returns the opening balances of the statements that begin first after a day, and the day on which they
// begin. A page that continues another one opens with no balance of a day.
func (b *balancedStatements) openingsAfter(day string) (openings map[string]bool, from string) {
	at, _ := slices.BinarySearchFunc(b.byStart, statement.DayAfter(day), func(s *Statement, day string) int { return cmp.Compare(s.From, day) })
	openings = map[string]bool{}
	for _, s := range b.byStart[at:] {
		if s.hasPageBefore { // it continues the previous page
			continue
		}
		if from = cmp.Or(from, s.From); s.From > from {
			break
		}
		openings[s.Opening] = true
	}
	return openings, from
}

// DecidedBy returns the day of the next statement, if that continues one of the versions of a statement; else it is empty.
func (v *Versions) DecidedBy(s *Statement) string {
	openings, day := v.index.openingsAfter(s.To)
	if slices.ContainsFunc(v.index.sameDays[span{s.From, s.To, s.Opening}], func(v *Statement) bool { return openings[v.Closing] }) {
		return day
	}
	return ""
}

// isContinued reports whether another statement of the same days opens with the closing balance of s, or reaches it
// from another opening balance. Where s closes with its opening balance, a statement with the same number is a version
// of it, and so is every page with that number if s is whole.
func (b *balancedStatements) isContinued(s *Statement) bool {
	at := span{s.From, s.To, s.Closing}
	version := func(t *Statement) bool {
		return s.Number != "" && t.Number == s.Number && (t.Opening == s.Opening || s.page == "" && t.page != "")
	}
	return slices.ContainsFunc(b.sameDays[at], func(t *Statement) bool { return !version(t) }) ||
		slices.ContainsFunc(b.closings[at], func(t *Statement) bool {
			return t.Opening != s.Opening && !version(t) && !isPart(t, s.parts) && !isPart(s, t.parts)
		})
}

// isPart reports whether a statement is one of some pages. A statement joined from pages has the id of its first page,
// and is not one of them.
func isPart(s *Statement, pages []*Statement) bool {
	return s.parts == nil && slices.ContainsFunc(pages, func(page *Statement) bool { return page.ID == s.ID })
}
