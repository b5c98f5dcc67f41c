// Two versions of a statement that both hold by themselves: what the next statement opens with decides.

package aggregate

import (
	"cmp"
	"fmt"
	"slices"
)

// balancedStatements are the statements of one account and kind that hold by themselves.
type balancedStatements struct {
	sameDays map[span][]*storedStatement // by their days and opening balance
	closings map[span][]*storedStatement // by their days and closing balance
	byStart  []*storedStatement          // by their first days
}

func balancedOf(whole []*storedStatement) balancedStatements {
	b := balancedStatements{map[span][]*storedStatement{}, map[span][]*storedStatement{}, slices.Clone(whole)}
	for _, s := range whole {
		opens, closes := span{s.From, s.To, s.Opening}, span{s.From, s.To, s.Closing}
		b.sameDays[opens], b.closings[closes] = append(b.sameDays[opens], s), append(b.closings[closes], s)
	}
	slices.SortStableFunc(b.byStart, func(x, y *storedStatement) int { return cmp.Compare(x.From, y.From) })
	return b
}

// replacedBy is the version of a statement with which the next one goes on, and why; nil where it goes on with the statement itself, or with neither.
// One of fewer entries than the version may have been made before the day ended: then it lists nothing else.
func (b *balancedStatements) replacedBy(s *storedStatement) (by *storedStatement, why string) {
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

// replacedPages are the pages of statements that versions take the place of, by their ids. A page that one which counts has, too, counts.
func (b *balancedStatements) replacedPages(paged []*storedStatement) map[string]replaced {
	replacedBy, counts := map[string]replaced{}, map[string]bool{}
	for _, whole := range paged {
		by, why := b.replacedBy(whole)
		for _, page := range whole.parts {
			if by != nil {
				replacedBy[page.id] = replaced{page, by, why}
				continue
			}
			counts[page.id] = true
		}
		if by != nil {
			for _, page := range by.pages() {
				counts[page.id] = true
			}
		}
	}
	for id := range counts {
		delete(replacedBy, id)
	}
	return replacedBy
}

// openingsAfter is what the statements open with that begin first of those that begin behind a day, and the day on which they do. What a page opens with that
// goes on with another is no balance of a day.
func (b *balancedStatements) openingsAfter(day string) (openings map[string]bool, from string) {
	at, _ := slices.BinarySearchFunc(b.byStart, after(day), func(s *storedStatement, day string) int { return cmp.Compare(s.From, day) })
	openings = map[string]bool{}
	for _, s := range b.byStart[at:] {
		if s.hasPageBefore { // it goes on with the page before it
			continue
		}
		if from = cmp.Or(from, s.From); s.From > from {
			break
		}
		openings[s.Opening] = true
	}
	return openings, from
}

// decidedBy is the day of the next statement, if it goes on with one of the versions of a statement.
func (b *balancedStatements) decidedBy(s *storedStatement) (day string, decided bool) {
	openings, day := b.openingsAfter(s.To)
	return day, slices.ContainsFunc(b.sameDays[span{s.From, s.To, s.Opening}], func(v *storedStatement) bool { return openings[v.Closing] })
}

// isContinued reports whether another statement of the same days goes on with what this one closes with, or comes to the same balance another way.
// Where a statement closes with what it opens with, one of its number is a version of it, and so is every page of its number where it is a whole statement.
func (b *balancedStatements) isContinued(s *storedStatement) bool {
	at := span{s.From, s.To, s.Closing}
	version := func(t *storedStatement) bool {
		return s.Number != "" && t.Number == s.Number && (t.Opening == s.Opening || s.page == "" && t.page != "")
	}
	return slices.ContainsFunc(b.sameDays[at], func(t *storedStatement) bool { return !version(t) }) ||
		slices.ContainsFunc(b.closings[at], func(t *storedStatement) bool {
			return t.Opening != s.Opening && !version(t) && !isPart(t, s.parts) && !isPart(s, t.parts)
		})
}

// isPart reports whether a statement is one of some pages. A whole of pages, which has the id of its first one, is none.
func isPart(s *storedStatement, pages []*storedStatement) bool {
	return s.parts == nil && slices.ContainsFunc(pages, func(page *storedStatement) bool { return page.id == s.id })
}
