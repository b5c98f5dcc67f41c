// Selects the originals, and their parts, that are read once more to find what they list.

package cancel

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/project"
)

type originals struct {
	objects       map[string]members         // parts to read of each object
	uncounted     map[string]bool            // ids of statements that do not count
	rereadObjects []string                   // objects of which everything is cancelled that their last reading lacks
	parts         map[string][]imported.Part // of these objects; those that were refused list nothing that was ingested

	uncountedBefore map[string]bool     // ids of statements that did not count before
	retracted       []string            // accounts of the files that are retracted
	spans           []completeness.Days // days of statements of which something may be cancelled

	mayRestore bool // something may have to be restored
}

// addPart adds the part of an original that contains a statement, unless all its parts are read.
func (o *originals) addPart(s *completeness.Statement, uncounted bool) {
	if slices.Contains(o.rereadObjects, s.Object) {
		return
	}
	if o.objects[s.Object] == nil {
		o.objects[s.Object] = members{}
	}
	_, name, _ := strings.Cut(s.File, "/")
	m := o.objects[s.Object][name]
	o.objects[s.Object][name] = member{s.File, s.Format, m.uncounted || uncounted}
}

// addVersions adds the superseded statements, and the counting ones that may list the same entries.
func (o *originals) addVersions(v *completeness.Versions) {
	reach := slices.Clone(o.spans)
	for _, g := range v.Replaced {
		for _, page := range g.Statement.Pages() {
			o.uncounted[page.ID] = true
			o.addPart(page, true)
			reach = append(reach, page.Reach())
		}
		reach = append(reach, g.By.Reach())
	}
	for _, counts := range v.Counting {
		for _, page := range counts.Pages() {
			delete(o.uncounted, page.ID) // a page of two versions
			days := page.Reach()
			if slices.ContainsFunc(reach, func(other completeness.Days) bool { return days.From <= other.To && other.From <= days.To }) {
				o.addPart(page, false)
			}
		}
	}
}

// addContested adds the days of balanced statements that have another version: an earlier decision may have cancelled what
// one of them lists, although it counts now.
func (o *originals) addContested(whole []*completeness.Statement, awaiting map[string]bool) {
	for _, s := range whole {
		if slices.ContainsFunc(s.Pages(), func(page *completeness.Statement) bool { return awaiting[page.ID] }) {
			o.spans, o.mayRestore = append(o.spans, s.Reach()), true
		}
	}
}

// findRemoved finds the statements of reread files that the last reading lacks, and the accounts and days of all statements of these files.
func (r *Adjustment) findRemoved(ctx context.Context, again map[string]*File, o *originals, accounts map[string]bool) error {
	view, err := r.View(ctx, project.StatementStream)
	if err != nil || view == "" || len(again) == 0 {
		return err
	}
	has := map[string]bool{}
	err = rows.Each(r.Spools, project.StatementStream, func(row *struct{ ID, Object, Account string }) {
		if again[row.Object] != nil {
			has[row.ID], accounts[row.Account] = true, true
		}
	})
	if err != nil {
		return err
	}
	for _, f := range again {
		if !f.Retracted {
			continue
		}
		for _, id := range f.Removed {
			o.uncounted[id] = true
		}
		for _, account := range f.Accounts { // of which any statement may list the same
			accounts[account] = true
			o.spans = append(o.spans, completeness.Days{From: "0000", To: "9999"})
		}
	}
	sql := "SELECT id, object, account, CAST(least(from_day, first_day) AS VARCHAR), CAST(greatest(to_day, last_day) AS VARCHAR) FROM (" + view + ") WHERE object IN (" + imported.SQLList(o.rereadObjects...) + ")"
	return imported.Query(ctx, r.ObjectFiles, r.Duck, sql, func(row []string) error {
		if f := again[row[1]]; !has[row[0]] && !f.Retracted {
			f.Removed = append(f.Removed, row[0])
			o.uncounted[row[0]] = true
		}
		accounts[row[2]] = true
		o.spans = append(o.spans, completeness.Days{From: row[3], To: row[4]})
		return nil
	})
}

// members are the parts of an original to read, by their name in its archive; the name is empty for a file that is not
// an archive. Nil means all parts, for a file that the import reads again.
type members map[string]member

// member is a part of an original that has imported statements.
type member struct {
	file      string // the name in its statements
	format    string // of one of its statements
	uncounted bool   // one of its statements does not count
}

// unreadPart is a part of an original that was read when it was imported, and cannot be read any more.
type unreadPart struct {
	member
	object, name string
	err          error
}

// unread lists the members that were not read, or each part with a fault if all parts were requested.
func (m members) unread(object string, read map[string]bool, faults map[string]error) (list []unreadPart) {
	if m == nil {
		for _, name := range slices.Sorted(maps.Keys(faults)) {
			list = append(list, unreadPart{object: object, name: name, err: faults[name]})
		}
		return list
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !read[name] {
			list = append(list, unreadPart{m[name], object, name, cmp.Or(faults[name], faults[""], errors.New("the archive has no such file"))})
		}
	}
	return list
}

// StatementIDs reads a file once more for the ids of its statements, and finds the accounts of its stored rows. A
// statement that it shares with other files is stored once, with the first of them as its origin.
func (r *Adjustment) StatementIDs(ctx context.Context, object string, parts []imported.Part) (ids, ofAccounts []string, err error) {
	l, err := r.newRelisted("stated", nil)
	if err != nil {
		return nil, nil, err
	}
	l.parts = map[string][]imported.Part{object: parts}
	defer func() { err = errors.Join(err, l.close()) }()
	if _, err := l.readOriginal(ctx, object, nil); err != nil { // what cannot be read any more is found among the stored rows
		return nil, nil, err
	}
	if err := l.endReading(); err != nil {
		return nil, nil, err
	}
	accounts := map[string]bool{}
	err = rows.Each([]*rows.Spool{l.rows}, project.StatementStream, func(row *struct{ ID, Account string }) {
		ids, accounts[row.Account] = append(ids, row.ID), true
	})
	if err != nil {
		return nil, nil, err
	}
	stored := "SELECT id, account FROM stored WHERE object = " + imported.SQLList(object)
	err = r.Select(ctx, project.StatementStream, stored, func(row []string) { ids, accounts[row[1]] = append(ids, row[0]), true })
	if err == nil {
		err = r.Select(ctx, project.EntryStream, stored, func(row []string) { accounts[row[1]] = true })
	}
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), slices.Sorted(maps.Keys(accounts)), nil
}
