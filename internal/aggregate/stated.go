// Finds which statements a file states. A statement that several files state is stored once.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

// statementIDs reads a file once more for the ids of its statements, and finds the accounts of its stored rows. A
// statement that it shares with other files is stored once, with the first of them as its origin.
func (r *reading) statementIDs(ctx context.Context, f *File) (ids []string, err error) {
	l, err := r.newRelisted("stated", nil)
	if err != nil {
		return nil, err
	}
	l.refused = map[string][]bool{f.Object: f.refused()}
	defer func() { err = errors.Join(err, l.close()) }()
	if _, err := l.readOriginal(ctx, f.Object, nil); err != nil { // what cannot be read any more is found among the stored rows
		return nil, err
	}
	l.allRead = true
	if err := l.rows.Close(); err != nil {
		return nil, err
	}
	accounts := map[string]bool{}
	err = rows.EachLine(l.rows.Files[project.StatementStream].Path, func(line []byte) error {
		var row struct{ ID, Account string }
		err := json.Unmarshal(line, &row)
		ids, accounts[row.Account] = append(ids, row.ID), true
		return err
	})
	if err != nil {
		return nil, err
	}
	err = r.eachStored(ctx, project.StatementStream, f.Object, func(id, account string) { ids, accounts[account] = append(ids, id), true })
	if err == nil {
		err = r.eachStored(ctx, project.EntryStream, f.Object, func(_, account string) { accounts[account] = true })
	}
	if err != nil {
		return nil, err
	}
	f.accounts = slices.Sorted(maps.Keys(accounts))
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// eachStored passes on the ids and accounts of what a stream has of a file.
func (r *reading) eachStored(ctx context.Context, stream, object string, each func(id, account string)) error {
	view, err := r.View(ctx, stream)
	if err != nil || view == "" {
		return err
	}
	return imported.Query(ctx, r.Duck, "SELECT id, account FROM ("+view+") WHERE object = "+imported.SQLList([]string{object}), func(row []string) error {
		each(row[0], row[1])
		return nil
	})
}

// reinstateStatements makes those statements and corrections of retracted files count that the import's files state too: they are stored once.
func (r *reading) reinstateStatements(ctx context.Context) error {
	if r.retractions == 0 {
		return nil
	}
	stated := map[string]bool{} // ids of statements, and of entries where some correct others
	streams := []string{project.StatementStream}
	if known, err := imported.HasCorrections(ctx, r.Catalog); err != nil {
		return err
	} else if known {
		streams = append(streams, project.EntryStream)
	}
	for _, s := range r.spools {
		for _, stream := range streams {
			err := rows.EachLine(s.Files[stream].Path, func(line []byte) error {
				var row struct{ ID string }
				err := json.Unmarshal(line, &row)
				stated[row.ID] = true
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	changed := map[string]imported.Reread{}
	err := r.Catalog.View(ctx, func(tx catalog.Tx) error {
		clear(changed)
		return tx.List(imported.RereadPrefix, func(key string, value json.RawMessage) error {
			var k imported.File
			if _, err := tx.Get(imported.Key(strings.TrimPrefix(key, imported.RereadPrefix)), &k); err != nil || k.Retracted == nil {
				return err
			}
			var state imported.Reread
			if err := json.Unmarshal(value, &state); err != nil {
				return err
			}
			some := false
			for _, reading := range []*imported.Reread{&state, state.Previous} {
				if reading != nil {
					n := len(reading.Removed) + len(reading.Unlisted)
					reading.Removed = slices.DeleteFunc(reading.Removed, func(id string) bool { return stated[id] })
					reading.Unlisted = slices.DeleteFunc(reading.Unlisted, func(id string) bool { return stated[id] })
					some = some || len(reading.Removed)+len(reading.Unlisted) < n
				}
			}
			if some {
				changed[key] = state
			}
			return nil
		})
	})
	if err != nil || len(changed) == 0 {
		return err
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var err error
		for key, state := range changed {
			err = errors.Join(err, tx.Put(key, state))
		}
		return err
	})
}
