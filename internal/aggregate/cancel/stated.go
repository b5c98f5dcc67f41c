// Finds which statements a file states. A statement that several files state is stored once.

package cancel

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"bursar/internal/aggregate/imported"
	"bursar/internal/project"
)

// StatementIDs reads a file once more for the ids of its statements, and finds the accounts of its stored rows. A
// statement that it shares with other files is stored once, with the first of them as its origin.
func (r *Adjustment) StatementIDs(ctx context.Context, object string, refused []bool) (ids, ofAccounts []string, err error) {
	l, err := r.newRelisted("stated", nil)
	if err != nil {
		return nil, nil, err
	}
	l.refused = map[string][]bool{object: refused}
	defer func() { err = errors.Join(err, l.close()) }()
	if _, err := l.readOriginal(ctx, object, nil); err != nil { // what cannot be read any more is found among the stored rows
		return nil, nil, err
	}
	l.allRead = true
	if err := l.rows.Close(); err != nil {
		return nil, nil, err
	}
	accounts := map[string]bool{}
	err = l.rows.EachLine(project.StatementStream, func(line []byte) error {
		var row struct{ ID, Account string }
		err := json.Unmarshal(line, &row)
		ids, accounts[row.Account] = append(ids, row.ID), true
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	err = r.eachStored(ctx, project.StatementStream, object, func(id, account string) { ids, accounts[account] = append(ids, id), true })
	if err == nil {
		err = r.eachStored(ctx, project.EntryStream, object, func(_, account string) { accounts[account] = true })
	}
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), slices.Sorted(maps.Keys(accounts)), nil
}

// eachStored passes on the ids and accounts of what a stream has of a file.
func (r *Adjustment) eachStored(ctx context.Context, stream, object string, each func(id, account string)) error {
	view, err := r.View(ctx, stream)
	if err != nil || view == "" {
		return err
	}
	return imported.Query(ctx, r.ObjectFiles, r.Duck, "SELECT id, account FROM ("+view+") WHERE object = "+imported.SQLList([]string{object}), func(row []string) error {
		each(row[0], row[1])
		return nil
	})
}
