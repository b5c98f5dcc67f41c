// Statements that do not hold, and that another version of the same statement takes the place of.

package aggregate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Superseded is a statement that does not hold, or that the next one does not go on with, and the version by which the account is judged.
type Superseded struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Number string `json:"number,omitempty"`
	File   string `json:"file"`
	Object string `json:"object"`
	Place  string `json:"place"`
	Reason string `json:"reason"` // what did not hold
	Change string `json:"change"` // what the other version says otherwise

	By       string `json:"by"` // the file of the other version
	ByObject string `json:"by_object"`
	ByPlace  string `json:"by_place"`
}

// versions are the statements of an account and kind of message: those that count, and those that another version takes the place of.
type versions struct {
	counts     []*storedStatement
	consistent []*storedStatement // those that hold by themselves
	replaced   []replaced
	balanced   balancedStatements
}

// replaced is a statement, and a version of it that proves itself.
type replaced struct {
	statement, by *storedStatement
	reason        string // what does not hold
}

// versionsOf parts the statements of one account and kind. It depends on what they say alone, not on the order in which they came.
func versionsOf(all []*storedStatement) (v versions) {
	byStart, byEnd, byNumber := map[string][]*storedStatement{}, map[string][]*storedStatement{}, map[string][]*storedStatement{}
	for _, s := range all {
		if state, _ := s.selfCheck(); s.balanced() && state != Broken {
			v.consistent = append(v.consistent, s)
		}
	}
	paged := wholeOfPages(v.consistent)
	v.consistent = append(v.consistent, paged...)
	for _, s := range v.consistent {
		byStart[s.From], byEnd[s.To] = append(byStart[s.From], s), append(byEnd[s.To], s)
		if s.Number != "" {
			byNumber[s.Number] = append(byNumber[s.Number], s)
		}
	}
	v.balanced = balancedOf(v.consistent)
	pages := v.balanced.replacedPages(paged)
	for _, s := range all {
		by, why := (*storedStatement)(nil), ""
		switch state, fault := s.selfCheck(); {
		case state == Broken:
			by, why = s.versionAmong(slices.Concat(byEnd[s.To], byStart[s.From], byNumber[s.Number])), fault.text
		case s.balanced():
			by, why = v.balanced.replacedBy(s)
		}
		if page, found := pages[s.id]; found && by == nil {
			by, why = page.by, page.reason
		}
		if by == nil {
			v.counts = append(v.counts, s)
			continue
		}
		v.replaced = append(v.replaced, replaced{s, by, why})
	}
	return v
}

// versionAmong finds the version of a statement, or nil; of several always the same.
func (t *storedStatement) versionAmong(whole []*storedStatement) (by *storedStatement) {
	for _, other := range whole {
		if t.isVersion(other) && (by == nil || cmp.Or(cmp.Compare(other.Object, by.Object), cmp.Compare(other.Place, by.Place)) < 0) {
			by = other
		}
	}
	return by
}

// isVersion reports whether one that proves itself is the same statement as one that does not hold: of its number, or where one of them has
// none of its days, and with both of its balances, or with one of them and the same entries, or with all that the file lacks which was cut. One
// without number and balances, or with the same ones, as of a CSV file with a row that cannot be read, may lack the first or last of its days.
// A page is one of those that hold together and are its statement. One that says something else than what is stored is no version: either may be wrong.
func (t *storedStatement) isVersion(by *storedStatement) bool {
	numbered := t.Number != "" && by.Number != ""
	if t.conflicts || t.Object == by.Object || numbered && (t.Number != by.Number || t.page != "" && by.page != "" && t.page != by.page) {
		return false
	}
	if numbered && t.page != "" && by.hasPage(t.page) && daysNear(t, by) {
		return true
	}
	opens, closes := t.Opening == by.Opening, t.Closing == by.Closing
	if bare := t.Opening == "" && t.Closing == ""; !numbered && t.Entries > 0 && (bare || opens && closes) {
		return by.From <= t.From && t.To <= by.To && (by.From == t.From || by.To == t.To)
	}
	// A statement without entries may not say on which day it begins.
	days := t.To == by.To && (t.From == by.From || t.Entries == 0 && by.From <= t.From)
	cut := opens && t.Opening != "" && (t.Closing == "" || t.missingPages != "" && t.hasPageAfter && !t.hasPageBefore)
	if !days {
		return numbered && cut && (t.From == "" || by.From <= t.From) && t.To <= by.To // one that is cut before it has a day has none
	}
	return cut || opens && closes || (opens || closes) && t.content != "" && t.content == by.content && t.Entries == by.Entries
}

// hasPage reports whether it was joined from pages of which one has a number.
func (t *storedStatement) hasPage(number string) bool {
	return slices.ContainsFunc(t.parts, func(p *storedStatement) bool { return p.page == number })
}

// isStatedBy reports whether a statement says the same as one in quarantine. Where both have a number, the days of the other may be wrong.
func (t *storedStatement) isStatedBy(quarantined *Interval) bool {
	if (t.From != quarantined.From || t.To != quarantined.To) && (t.Number == "" || t.Entries == 0) {
		return false
	}
	return t.Kind == quarantined.Kind && t.Number == quarantined.Number && t.Opening == quarantined.Opening && t.Closing == quarantined.Closing && t.Amount == quarantined.Amount && t.Entries == quarantined.Entries
}

// superseded are the statements that do not count.
func (v *versions) superseded() (list []Superseded) {
	for _, g := range v.replaced {
		list = append(list, superseded(g.statement, g.by, g.reason, changeOf(g.statement, g.by)))
	}
	return list
}

func superseded(s, by *storedStatement, reason, change string) Superseded {
	return Superseded{
		From: s.From, To: s.To, Number: s.Number, File: s.File, Object: s.Object, Place: s.Place, Reason: reason, Change: change,
		By: by.File, ByObject: by.Object, ByPlace: by.Place,
	}
}

// changeOf says what the version that counts says otherwise.
func changeOf(s, by *storedStatement) string {
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

// supersede forgets those statements in quarantine of which the account has a version that proves itself. One that names no account must
// say all the same.
func (l quarantinedStatements) supersede(r *record, v versions) {
	for _, key := range []accountKey{{r.Servicer, r.Account.Account, r.Currency}, {r.Servicer, "", r.Currency}, {"", "", r.Currency}} {
		var left []Interval
		for _, i := range l[key] {
			at := slices.IndexFunc(v.consistent, func(by *storedStatement) bool {
				return by.isStatedBy(&i) || key.account != "" && by.Kind == i.Kind && (&storedStatement{Interval: i}).isVersion(by)
			})
			if at < 0 {
				left = append(left, i)
				continue
			}
			s := &storedStatement{Interval: i}
			r.Superseded = append(r.Superseded, superseded(s, v.consistent[at], i.Reason, changeOf(s, v.consistent[at])))
		}
		if l[key] = left; len(left) == 0 {
			delete(l, key)
		}
	}
}
