// Divides statements into those that count and those that a version supersedes: a better one of a statement that does not balance,
// or of two that both balance the one that the next statement continues.

package completeness

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

// Superseded is a statement that does not balance, or that the next statement does not continue, with the version that
// is judged in its place.
type Superseded struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Number string `json:"number,omitempty"`
	File   string `json:"file"`
	Object string `json:"object"`
	Place  string `json:"place"`
	Reason string `json:"reason"` // what did not balance
	Change string `json:"change"` // how the other version differs

	By       string `json:"by"` // the file of the other version
	ByObject string `json:"by_object"`
	ByPlace  string `json:"by_place"`
}

// Versions divides the statements of an account and kind of message into those that count and those that another version supersedes.
type Versions struct {
	Counting []*Statement
	Balanced []*Statement // those that balance by themselves
	Replaced []Replaced
	index    balancedStatements
}

// Replaced is a statement with the version that supersedes it.
type Replaced struct {
	Statement, By *Statement
	reason        string // what does not balance
}

// versionsOf divides the statements of one account and kind. The result depends on their content alone, not on the order of import.
func versionsOf(all []*Statement) (v Versions) {
	byStart, byEnd, byNumber := map[string][]*Statement{}, map[string][]*Statement{}, map[string][]*Statement{}
	for _, s := range all {
		if state, _ := s.selfCheck(); s.balanced() && state != Broken {
			v.Balanced = append(v.Balanced, s)
		}
	}
	paged := wholeOfPages(v.Balanced)
	v.Balanced = append(v.Balanced, paged...)
	for _, s := range v.Balanced {
		byStart[s.From], byEnd[s.To] = append(byStart[s.From], s), append(byEnd[s.To], s)
		if s.Number != "" {
			byNumber[s.Number] = append(byNumber[s.Number], s)
		}
	}
	v.index = balancedOf(v.Balanced)
	pages := v.index.replacedPages(paged)
	for _, s := range all {
		by, why := (*Statement)(nil), ""
		switch state, fault := s.selfCheck(); {
		case state == Broken:
			by, why = s.versionAmong(slices.Concat(byEnd[s.To], byStart[s.From], byNumber[s.Number])), fault.text
		case s.balanced():
			by, why = v.index.replacedBy(s)
		}
		if page, found := pages[s.ID]; found && by == nil {
			by, why = page.By, page.reason
		}
		if by == nil {
			v.Counting = append(v.Counting, s)
			continue
		}
		v.Replaced = append(v.Replaced, Replaced{s, by, why})
	}
	return v
}

// versionAmong finds the version that supersedes a statement, or nil. Among several it always chooses the same one.
func (t *Statement) versionAmong(whole []*Statement) (by *Statement) {
	for _, other := range whole {
		if t.isVersion(other) && (by == nil || cmp.Or(cmp.Compare(other.Object, by.Object), cmp.Compare(other.Place, by.Place)) < 0) {
			by = other
		}
	}
	return by
}

// isVersion reports whether by, which balances, is the same statement as t, which does not. It has the number of t, or
// one of the two has none; it covers the same days; and it has both balances of t, or one of them and the same entries,
// or everything that t lacks because its file was cut. A statement without number and balances, or with equal ones,
// such as a CSV file with an unreadable row, may lack its first or last day. A page is a version of a whole whose pages
// balance together. A statement that contradicts stored rows has no version: either may be wrong.
func (t *Statement) isVersion(by *Statement) bool {
	numbered := t.Number != "" && by.Number != ""
	if t.conflicts || t.Object == by.Object || numbered && (t.Number != by.Number || t.page != "" && by.page != "" && t.page != by.page) {
		return false
	}
	samePage := func(p *Statement) bool { return p.page == t.page }
	if numbered && t.page != "" && slices.ContainsFunc(by.parts, samePage) && daysNear(t, by) {
		return true
	}
	opens, closes := t.Opening == by.Opening, t.Closing == by.Closing
	if bare := t.Opening == "" && t.Closing == ""; !numbered && t.Entries > 0 && (bare || opens && closes) {
		return by.From <= t.From && t.To <= by.To && (by.From == t.From || by.To == t.To)
	}
	// A statement without entries may not state the day on which it begins.
	days := t.To == by.To && (t.From == by.From || t.Entries == 0 && by.From <= t.From)
	cut := opens && t.Opening != "" && (t.Closing == "" || t.missingPages != "" && t.hasPageAfter && !t.hasPageBefore)
	if !days {
		return numbered && cut && (t.From == "" || by.From <= t.From) && t.To <= by.To // a statement that was cut before its first date has no day
	}
	return cut || opens && closes || (opens || closes) && t.content != "" && t.content == by.content && t.Entries == by.Entries
}

// isStatedBy reports whether a statement in quarantine states the same. If both have a number, the days of the one in
// quarantine may be wrong.
func (t *Statement) isStatedBy(quarantined *Interval) bool {
	if (t.From != quarantined.From || t.To != quarantined.To) && (t.Number == "" || t.Entries == 0) {
		return false
	}
	return t.Kind == quarantined.Kind && t.Number == quarantined.Number && t.Opening == quarantined.Opening && t.Closing == quarantined.Closing && t.Amount == quarantined.Amount && t.Entries == quarantined.Entries
}

func superseded(s, by *Statement, reason, change string) Superseded {
	return Superseded{
		From: s.From, To: s.To, Number: s.Number, File: s.File, Object: s.Object, Place: s.Place, Reason: reason, Change: change,
		By: by.File, ByObject: by.Object, ByPlace: by.Place,
	}
}

// changeOf says how the version that counts differs.
func changeOf(s, by *Statement) string {
	var list []string
	add := func(what, was, is string) {
		if was != is {
			list = append(list, fmt.Sprintf("%s %s instead of %s", what, cmp.Or(is, "none"), cmp.Or(was, "none")))
		}
	}
	add("opening", s.Opening, by.Opening)
	add("closing", s.Closing, by.Closing)
	add("entries", fmt.Sprint(s.Entries), fmt.Sprint(by.Entries))
	add("their sum", s.Amount, by.Amount)
	add("days", s.From+" to "+s.To, by.From+" to "+by.To)
	if len(list) == 0 {
		return "its rows are all there"
	}
	return strings.Join(list, ", ")
}

// supersede removes the quarantined statements of which the account has a version that balances. One that names no
// account must be equal in everything else.
func (l quarantinedStatements) supersede(r *record, v Versions) {
	for _, key := range []accountKey{{r.Servicer, r.Account.Account, r.Currency}, {r.Servicer, "", r.Currency}, {"", "", r.Currency}} {
		var left []Interval
		for _, i := range l[key] {
			at := slices.IndexFunc(v.Balanced, func(by *Statement) bool {
				return by.isStatedBy(&i) || key.account != "" && by.Kind == i.Kind && (&Statement{Interval: i}).isVersion(by)
			})
			if at < 0 {
				left = append(left, i)
				continue
			}
			s := &Statement{Interval: i}
			r.Superseded = append(r.Superseded, superseded(s, v.Balanced[at], i.Reason, changeOf(s, v.Balanced[at])))
		}
		if l[key] = left; len(left) == 0 {
			delete(l, key)
		}
	}
}

// Decide passes on which statements of each account count, for each kind of message, the booked statements first. Those in
// removed do not exist.
func (c *Accounts) Decide(ctx context.Context, q Query, removed map[string]bool, each func(account string, byKind []Versions) error) error {
	view, err := c.View(ctx, project.StatementStream)
	if err != nil || view == "" {
		return err
	}
	return c.eachRecord(ctx, view, q, removed, func(r *record, byKind []Versions) error { return each(r.Account.Account, byKind) })
}

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
