// Statements that do not hold, and that a later version of the same statement took the place of.

package aggregate

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/statement"
	"bursar/internal/catalog"
)

// Superseded is a statement that does not hold, and the later version by which the account is judged.
type Superseded struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Number string `json:"number,omitempty"`
	File   string `json:"file"`
	Object string `json:"object"`
	Place  string `json:"place"`
	Reason string `json:"reason"` // what did not hold
	Change string `json:"change"` // what the later version says otherwise

	By       string `json:"by"` // the file of the later version
	ByObject string `json:"by_object"`
	ByPlace  string `json:"by_place"`
}

// arrivals are when files were imported, by object.
type arrivals map[string]time.Time

// of is when a file was imported; zero where that is not known.
func (a arrivals) of(ctx context.Context, from catalog.Catalog, object string) (time.Time, error) {
	if at, known := a[object]; known {
		return at, nil
	}
	var k kept
	err := from.View(ctx, func(tx catalog.Tx) error {
		_, err := tx.Get(keptKey(path.Base(object)), &k)
		return err
	})
	a[object] = k.Imported
	return k.Imported, err
}

// wholeOf are the statements that prove themselves.
func wholeOf(all []*told) (whole []*told) {
	for _, s := range all {
		if state, _ := s.alone(); s.balanced() && state != Broken {
			whole = append(whole, s)
		}
	}
	return whole
}

func superseded(s, by *told, reason string) Superseded {
	return Superseded{
		From: s.From, To: s.To, Number: s.Number, File: s.File, Object: s.Object, Place: s.Place, Reason: reason, Change: changeOf(s, by),
		By: by.File, ByObject: by.Object, ByPlace: by.Place,
	}
}

// supersede parts the statements of one kind in those that count, and those that a later version which proves itself took the place of.
func (c *Completeness) supersede(ctx context.Context, all, whole []*told, when arrivals) (counts []*told, gone []Superseded, err error) {
	byDays := map[span][]*told{}
	byNumber := map[string][]*told{}
	for _, s := range whole {
		byDays[span{s.From, s.To, ""}] = append(byDays[span{s.From, s.To, ""}], s)
		if s.Number != "" {
			byNumber[s.Number] = append(byNumber[s.Number], s)
		}
	}
	for _, s := range all {
		state, reason := s.alone()
		if state != Broken || s.lacks != "" {
			counts = append(counts, s)
			continue
		}
		by, err := c.versionOf(ctx, s, slices.Concat(byDays[span{s.From, s.To, ""}], byNumber[s.Number]), when)
		if err != nil {
			return nil, nil, err
		}
		if by == nil {
			counts = append(counts, s)
			continue
		}
		gone = append(gone, superseded(s, by, reason))
	}
	return counts, gone, nil
}

// versionOf finds a later version of a statement, among those of its days or its number.
func (c *Completeness) versionOf(ctx context.Context, s *told, among []*told, when arrivals) (*told, error) {
	for _, by := range among {
		if !by.versionOf(s) {
			continue
		}
		was, err := when.of(ctx, c.Catalog, s.Object)
		if err != nil {
			return nil, err
		}
		is, err := when.of(ctx, c.Catalog, by.Object)
		if err != nil {
			return nil, err
		}
		if s.Object == by.Object && s.Place != by.Place || is.Before(was) {
			continue
		}
		return by, nil
	}
	return nil, nil
}

// versionOf reports whether a statement may be another version of one: of its number, or of its days where one of them has no number; and
// it begins where that one does, or ends where it does, by its balances.
func (t *told) versionOf(s *told) bool {
	days := t.From == s.From && t.To == s.To
	switch {
	case t.Number != "" && s.Number != "" && (t.Number != s.Number || t.page != s.page):
		return false
	case !days && (t.Number == "" || s.Number == "" || !near(t, s)):
		return false
	case s.Opening == "" && s.Closing == "":
		return true
	}
	return s.Opening == t.Opening || s.Closing == t.Closing || s.Amount == t.Amount
}

// changeOf says what a later version says otherwise.
func changeOf(s, by *told) string {
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

// supersedeAll leaves those statements of a record that count, and names the others in the account, among them those in quarantine.
func (c *Completeness) supersedeAll(ctx context.Context, r *record, gone lost, when arrivals) error {
	var counts []*told
	for _, kind := range []statement.Kind{statement.Booked, statement.Report, statement.Notification} {
		all := joined(r.kind(kind))
		whole := wholeOf(all)
		for _, key := range []accountKey{{r.Servicer, r.Account.Account, r.Currency}, {r.Servicer, "", r.Currency}, {"", "", r.Currency}} {
			if err := c.supersedeLost(ctx, r, gone, key, whole, when); err != nil {
				return err
			}
		}
		of, superseded, err := c.supersede(ctx, all, whole, when)
		if err != nil {
			return err
		}
		counts = append(counts, of...)
		r.Superseded = append(r.Superseded, superseded...)
	}
	r.statements = counts
	return nil
}

// supersedeLost forgets those statements in quarantine of which the account has a version that proves itself. One that names no account must
// say all the same.
func (c *Completeness) supersedeLost(ctx context.Context, r *record, gone lost, key accountKey, whole []*told, when arrivals) error {
	var left []Interval
	for _, i := range gone[key] {
		s := &told{Interval: i, fault: i.Reason}
		among := slices.DeleteFunc(slices.Clone(whole), func(by *told) bool {
			return by.Kind != i.Kind || key.account == "" && (by.Opening != i.Opening || by.Closing != i.Closing || by.Amount != i.Amount || by.Entries != i.Entries)
		})
		by, err := c.versionOf(ctx, s, among, when)
		if err != nil {
			return err
		}
		if by == nil {
			left = append(left, i)
			continue
		}
		r.Superseded = append(r.Superseded, superseded(s, by, i.Reason))
	}
	if gone[key] = left; len(left) == 0 {
		delete(gone, key)
	}
	return nil
}
