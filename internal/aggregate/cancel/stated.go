// Finds which statements a file states. A statement that several files state is stored once.

package cancel

import (
	"context"
	"errors"
	"maps"
	"slices"

	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
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
