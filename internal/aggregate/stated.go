// Which statements a file states: those that several files state are stored once.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/project"
)

// statedBy reads a file once more for the ids of its statements, and the accounts of what is stored of it. Statements that it shares with other files
// are stored once, as of the first of these.
func (r *reading) statedBy(ctx context.Context, f *File) (ids []string, err error) {
	l, err := r.newRelisted("stated", nil)
	if err != nil {
		return nil, err
	}
	l.refused = map[string][]bool{f.Object: f.refused()}
	defer func() { err = errors.Join(err, l.close()) }()
	if _, err := l.original(ctx, f.Object, nil); err != nil { // what cannot be read any more is known by what is stored
		return nil, err
	}
	l.read = true
	if err := l.rows.close(); err != nil {
		return nil, err
	}
	accounts := map[string]bool{}
	err = eachLine(l.rows.files[project.StatementStream].path, func(line []byte) error {
		var row struct{ ID, Account string }
		err := json.Unmarshal(line, &row)
		ids, accounts[row.Account] = append(ids, row.ID), true
		return err
	})
	if err != nil {
		return nil, err
	}
	err = r.storedOf(ctx, project.StatementStream, f.Object, func(id, account string) { ids, accounts[account] = append(ids, id), true })
	if err == nil {
		err = r.storedOf(ctx, project.EntryStream, f.Object, func(_, account string) { accounts[account] = true })
	}
	if err != nil {
		return nil, err
	}
	f.accounts = slices.Sorted(maps.Keys(accounts))
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// storedOf hands on the ids and accounts of what a stream has of a file.
func (r *reading) storedOf(ctx context.Context, stream, object string, each func(id, account string)) error {
	view, err := r.view(ctx, stream)
	if err != nil || view == "" {
		return err
	}
	return rowsOf(ctx, r.Duck, "SELECT id, account FROM ("+view+") WHERE object = "+literals([]string{object}), func(row []string) error {
		each(row[0], row[1])
		return nil
	})
}

// statedAgain has statements and corrections of retracted files count that the import's files state, too: they are stored once.
func (r *reading) statedAgain(ctx context.Context) error {
	if r.retractions == 0 {
		return nil
	}
	stated := map[string]bool{} // ids of statements, and of entries where some correct others
	streams := []string{project.StatementStream}
	if known, err := hasCorrections(ctx, r.Catalog); err != nil {
		return err
	} else if known {
		streams = append(streams, project.EntryStream)
	}
	for _, s := range r.spools {
		for _, stream := range streams {
			err := eachLine(s.files[stream].path, func(line []byte) error {
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
	changed := map[string]reread{}
	err := r.Catalog.View(ctx, func(tx catalog.Tx) error {
		clear(changed)
		return tx.List(rereadPrefix, func(key string, value json.RawMessage) error {
			var k kept
			if _, err := tx.Get(keptKey(strings.TrimPrefix(key, rereadPrefix)), &k); err != nil || k.Retracted == nil {
				return err
			}
			var of reread
			if err := json.Unmarshal(value, &of); err != nil {
				return err
			}
			some := false
			for _, reading := range []*reread{&of, of.Before} {
				if reading != nil {
					n := len(reading.Removed) + len(reading.Unlisted)
					reading.Removed = slices.DeleteFunc(reading.Removed, func(id string) bool { return stated[id] })
					reading.Unlisted = slices.DeleteFunc(reading.Unlisted, func(id string) bool { return stated[id] })
					some = some || len(reading.Removed)+len(reading.Unlisted) < n
				}
			}
			if some {
				changed[key] = of
			}
			return nil
		})
	})
	if err != nil || len(changed) == 0 {
		return err
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var err error
		for key, of := range changed {
			err = errors.Join(err, tx.Put(key, of))
		}
		return err
	})
}
