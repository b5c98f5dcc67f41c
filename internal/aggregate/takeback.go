// What is stored of statements that do not count: it is taken back by events that move the opposite.

package aggregate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"bursar/internal/aggregate/statement"
	"bursar/internal/event"
	"bursar/internal/project"
)

// takeBack takes back what is stored of the statements of some accounts that do not count, and of earlier readings of files, unless a statement
// that counts lists it. All of it is found in what is stored, so that an import that ends before it is made good by the next.
func (r *reading) takeBack(ctx context.Context, again map[string]*File, accounts map[string]bool) (entries int64, err error) {
	view, err := r.view(ctx, project.StatementStream)
	if err != nil || len(again) == 0 && len(accounts) == 0 {
		return 0, err
	}
	o := &originals{objects: map[string]string{}, gone: map[string]bool{}, again: slices.Sorted(maps.Keys(again))}
	if err := r.goneOf(ctx, again, o, accounts); err != nil {
		return 0, err
	}
	if view != "" && len(accounts) > 0 {
		c := &Completeness{Objects: r.Objects, Catalog: r.Catalog, Project: r.Project, Duck: r.Duck}
		q := Query{Accounts: slices.Sorted(maps.Keys(accounts))}
		err = c.counting(ctx, view, q, o.gone, func(record *record, of []versions) error {
			for _, v := range of {
				o.choose(v)
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if len(again) == 0 && len(o.gone) == 0 {
		return 0, nil
	}
	return r.takeBackListed(ctx, o)
}

// originals are the files that tell what is taken back.
type originals struct {
	objects map[string]string // those that are read once more, with the format of one of their statements
	gone    map[string]bool   // ids of statements that do not count
	again   []string          // objects of which everything that their last reading does not have is taken back
	reach   []span            // days of statements of which something may be taken back so
}

// choose takes in the statements that another version takes the place of, and those that may list the same entries and count.
func (o *originals) choose(v versions) {
	reach := slices.Clone(o.reach)
	for _, g := range v.gone {
		for _, s := range g.told.pages() {
			o.gone[s.id], o.objects[s.Object] = true, s.format
			reach = append(reach, s.reach())
		}
		reach = append(reach, g.by.reach())
	}
	for _, counts := range v.counts {
		for _, s := range counts.pages() {
			own := s.reach()
			if slices.ContainsFunc(reach, func(other span) bool { return own.from <= other.to && other.from <= own.to }) {
				o.objects[s.Object] = s.format
			}
		}
	}
}

// pages are the statement, or the pages that it was joined from.
func (t *told) pages() []*told {
	if t.parts != nil {
		return t.parts
	}
	return []*told{t}
}

// reach is the days of the statement and its entries.
func (t *told) reach() span {
	s := span{from: t.From, to: max(t.To, t.final)}
	if t.first != "" {
		s.from = min(s.from, t.first)
	}
	return s
}

// goneOf finds the statements of files that were read again which the last reading does not have, and the accounts and days of all of theirs.
func (r *reading) goneOf(ctx context.Context, again map[string]*File, o *originals, accounts map[string]bool) error {
	view, err := r.view(ctx, project.StatementStream)
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
	sql := "SELECT id, object, account, CAST(least(from_day, first_day) AS VARCHAR), CAST(greatest(to_day, last_day) AS VARCHAR) FROM (" + view + ") WHERE object IN (" + literals(o.again) + ")"
	return rowsOf(ctx, r.Duck, sql, func(row []string) error {
		if f := again[row[1]]; !has[row[0]] {
			f.gone = append(f.gone, row[0])
			o.gone[row[0]] = true
		}
		accounts[row[2]] = true
		o.reach = append(o.reach, span{from: row[3], to: row[4]})
		return nil
	})
}

// takeBackListed reads the originals and seals what takes back. Where one of them cannot be read any more, nothing is: the completeness shows
// what does not go together.
func (r *reading) takeBackListed(ctx context.Context, o *originals) (entries int64, err error) {
	l, err := r.newRelisted("listed", o.gone)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	for _, object := range o.again {
		if _, chosen := o.objects[object]; !chosen {
			o.objects[object] = ""
		}
	}
	for _, object := range slices.Sorted(maps.Keys(o.objects)) {
		if whole, err := l.original(ctx, object, o.objects[object]); err != nil || !whole {
			return 0, err
		}
	}
	ids, err := l.ids(ctx)
	if err != nil {
		return 0, err
	}
	for _, stream := range []string{project.DetailStream, project.EntryStream, project.BalanceStream} {
		result, err := r.takeUnlisted(ctx, stream, ids[stream], o.again)
		if err != nil {
			return entries, err
		}
		if stream == project.EntryStream {
			entries = result.Accepted
		}
	}
	return entries, nil
}

// backID is the id of what takes an event back.
func backID(id string) string { return digestOf("taken back", id).String() }

// takeUnlisted takes back the rows of a stream that only statements list which do not count.
func (r *reading) takeUnlisted(ctx context.Context, stream, ids string, again []string) (result event.Result, err error) {
	view, err := r.view(ctx, stream)
	if err != nil || view == "" {
		return result, err
	}
	of := "id IN (SELECT id FROM listed WHERE gone = '1')"
	if len(again) > 0 {
		of += " OR object IN (" + literals(again) + ")"
	}
	sql := fmt.Sprintf("WITH listed AS (SELECT * FROM read_csv(%s, auto_detect = false, header = false, delim = ',', columns = {'id': 'VARCHAR', 'gone': 'VARCHAR'})), stored AS (%s) "+
		"SELECT %s FROM stored WHERE takes_back IS NULL AND (%s) AND id NOT IN (SELECT id FROM listed WHERE gone = '0') "+
		"AND id NOT IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL) ORDER BY id", literals([]string{ids}), view, textsOf(r.Project.Stream(stream)), of)
	return r.takeRows(ctx, stream, sql, "back", backID)
}

// takeRows seals events that take back the rows that a query finds in a stream: they say the same, and move the opposite amount.
func (r *reading) takeRows(ctx context.Context, stream, sql, name string, idOf func(string) string) (result event.Result, err error) {
	s := slotFile{path: filepath.Join(r.dir, name+"."+stream+".jsonl")}
	if err := r.spoolBack(ctx, &s, stream, sql, idOf); err != nil || s.rows == 0 {
		return result, err
	}
	if result, err = r.Take(ctx, stream, []string{s.path}, s.parts); err != nil {
		return result, fmt.Errorf("take back what is in %s: %w", stream, err)
	}
	return result, nil
}

// spoolBack writes the rows that take others back.
func (r *reading) spoolBack(ctx context.Context, s *slotFile, stream, sql string, idOf func(string) string) error {
	out, err := os.Create(s.path)
	if err != nil {
		return fmt.Errorf("spool rows: %w", err)
	}
	to := bufio.NewWriterSize(out, 1<<16)
	options := r.Duck
	options.Dirs = append(slices.Clone(options.Dirs), r.Scratch)
	rows := json.NewEncoder(to)
	columns := r.Project.Stream(stream).Columns
	err = rowsOf(ctx, options, sql, func(row []string) error {
		back := backOf(columns, row, idOf)
		s.rows++
		s.name = stringOf(back["file"])
		return rows.Encode(back)
	})
	if err = errors.Join(err, to.Flush(), out.Close()); err != nil {
		return fmt.Errorf("take back what is in %s: %w", stream, err)
	}
	return nil
}

// backOf is what takes an event back.
func backOf(columns []project.Column, row []string, idOf func(string) string) map[string]any {
	back := map[string]any{}
	for i, c := range columns {
		switch value := row[i]; {
		case value == "" && c.Optional:
		case c.Type.String() == "bigint" || c.Type.String() == "bool":
			back[c.Name] = json.RawMessage(value)
		case c.Name == "amount":
			back[c.Name] = statement.Negate(value)
		default:
			back[c.Name] = value
		}
	}
	back["takes_back"] = back["id"]
	back["id"] = idOf(stringOf(back["takes_back"]))
	return back
}

func stringOf(value any) string {
	text, _ := value.(string) // of a column of texts
	return text
}

// notAgain names the files that have something of what was given otherwise, and that the import does not read again: what they say would
// stay as it was read.
func (r *reading) notAgain(ctx context.Context, files []*File, was *given) (left []string, err error) {
	statements, err := r.view(ctx, project.StatementStream)
	if err != nil {
		return nil, err
	}
	entries, err := r.view(ctx, project.EntryStream)
	if err != nil {
		return nil, err
	}
	stream := statements
	var where string
	switch was.What {
	case referencesOf, mappingsOf:
		where = "format = " + literals([]string{was.Source})
	case fitidsOf:
		h := r.rules.holder(&statement.Statement{Format: "ofx", Servicer: was.Source, Account: was.Number})
		where = "format LIKE 'ofx%' AND account = " + literals([]string{h.account})
	case reversalsOf:
		h := r.rules.holder(&statement.Statement{Format: "camt", Servicer: was.Source, Account: was.Number})
		stream = entries
		where = fmt.Sprintf("reversal AND account = %s AND takes_back IS NULL AND id NOT IN (SELECT takes_back FROM (%s) WHERE takes_back IS NOT NULL)", literals([]string{h.account}), entries)
	case accountOf:
		where = fmt.Sprintf("account = %s AND servicer = %s", literals([]string{was.Is}), literals([]string{was.Servicer}))
	default:
		return nil, fmt.Errorf("bug: it is not known which files depend on %s", was.What)
	}
	if stream == "" {
		return nil, nil
	}
	earlier, err := rereadsOf(ctx, r.Catalog)
	if err != nil {
		return nil, err
	}
	here, gone := again(files), earlier.gone()
	err = rowsOf(ctx, r.Duck, "SELECT object, file, id FROM ("+stream+") WHERE "+where+" ORDER BY file, object", func(row []string) error {
		if here[row[0]] == nil && !gone[row[2]] && (len(left) == 0 || left[len(left)-1] != row[1]) {
			left = append(left, row[1])
		}
		return nil
	})
	return left, err
}
