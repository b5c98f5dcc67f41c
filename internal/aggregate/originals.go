// Which originals, and which parts of them, are read once more to know what is taken back.

package aggregate

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"bursar/internal/project"
)

// originals are the files that say what is taken back.
type originals struct {
	objects   map[string]members // what is read once more of each
	uncounted map[string]bool    // ids of statements that do not count
	again     []string           // objects of which everything that their last reading does not have is taken back
	refused   map[string][]bool  // by these objects, which parts were refused: they list nothing that was taken in

	before   map[string]bool // ids of statements that did not count before
	retracts bool            // some of these objects are retracted
	reach    []span          // days of statements of which something may be taken back so

	contests bool // something may have to count again
}

// read chooses the part of an original that a statement is of, unless all parts are.
func (o *originals) read(s *storedStatement, uncounted bool) {
	if slices.Contains(o.again, s.Object) {
		return
	}
	if o.objects[s.Object] == nil {
		o.objects[s.Object] = members{}
	}
	_, name, _ := strings.Cut(s.File, "/")
	m := o.objects[s.Object][name]
	o.objects[s.Object][name] = member{s.File, s.format, m.uncounted || uncounted}
}

// choose takes in the statements that another version takes the place of, and those that may list the same entries and count.
func (o *originals) choose(v versions) {
	reach := slices.Clone(o.reach)
	for _, g := range v.replaced {
		for _, s := range g.statement.pages() {
			o.uncounted[s.id] = true
			o.read(s, true)
			reach = append(reach, s.reach())
		}
		reach = append(reach, g.by.reach())
	}
	for _, counts := range v.counts {
		for _, s := range counts.pages() {
			delete(o.uncounted, s.id) // a page of two versions
			own := s.reach()
			if slices.ContainsFunc(reach, func(other span) bool { return own.from <= other.to && other.from <= own.to }) {
				o.read(s, false)
			}
		}
	}
}

// contested takes in the days of statements that hold and of which there is another version: what one of them lists may be taken back by an earlier
// decision, though it counts now.
func (o *originals) contested(whole []*storedStatement, awaiting map[string]bool) {
	for _, s := range whole {
		if slices.ContainsFunc(s.pages(), func(page *storedStatement) bool { return awaiting[page.id] }) {
			o.reach, o.contests = append(o.reach, s.reach()), true
		}
	}
}

// pages are the statement, or the pages that it was joined from.
func (t *storedStatement) pages() []*storedStatement {
	if t.parts != nil {
		return t.parts
	}
	return []*storedStatement{t}
}

// reach is the days of the statement and its entries.
func (t *storedStatement) reach() span {
	s := span{from: t.From, to: max(t.To, t.lastEntryDay)}
	if t.firstEntryDay != "" {
		s.from = min(s.from, t.firstEntryDay)
	}
	return s
}

// findRemoved finds the statements of files that were read again which the last reading does not have, and the accounts and days of all of theirs.
func (r *reading) findRemoved(ctx context.Context, again map[string]*File, o *originals, accounts map[string]bool) error {
	view, err := r.streamView(ctx, project.StatementStream)
	if err != nil || view == "" || len(again) == 0 {
		return err
	}
	has := map[string]bool{}
	for _, s := range r.spools {
		err := eachLine(s.files[project.StatementStream].path, func(line []byte) error {
			var row struct{ ID, Object, Account string }
			err := json.Unmarshal(line, &row)
			if again[row.Object] != nil {
				has[row.ID], accounts[row.Account] = true, true
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, f := range again {
		if !f.retracted {
			continue
		}
		for _, id := range f.removed {
			o.uncounted[id] = true
		}
		for _, account := range f.accounts { // of which all statements may list the same
			accounts[account] = true
			o.reach = append(o.reach, span{from: "0000", to: "9999"})
		}
	}
	sql := "SELECT id, object, account, CAST(least(from_day, first_day) AS VARCHAR), CAST(greatest(to_day, last_day) AS VARCHAR) FROM (" + view + ") WHERE object IN (" + sqlList(o.again) + ")"
	return queryRows(ctx, r.Duck, sql, func(row []string) error {
		if f := again[row[1]]; !has[row[0]] && !f.retracted {
			f.removed = append(f.removed, row[0])
			o.uncounted[row[0]] = true
		}
		accounts[row[2]] = true
		o.reach = append(o.reach, span{from: row[3], to: row[4]})
		return nil
	})
}
