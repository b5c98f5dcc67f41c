// Remembers statements that do not balance, so that an import knows whether it may have a version of one.

package aggregate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/match"
	"bursar/internal/aggregate/rows"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

// faulty is a statement that does not balance or has another version, with what a version of it is recognised by.
type faulty struct {
	Account string `json:"account"`
	From    string `json:"from_day"`
	To      string `json:"to_day"`
	Awaits  bool   `json:"awaits,omitempty"` // the next statement must decide between two versions
	Next    string `json:"next,omitempty"`   // day of the statement that decided: one with an earlier day may come later
}

// faultyOf is what is recorded of a statement; with awaits until the next one decides between its versions.
func faultyOf(s *match.Statement, awaits bool) faulty {
	return faulty{Account: s.Account, From: s.From, To: s.To, Awaits: awaits}
}

const (
	faultyPrefix = "statements/faulty/"
	faultyKnown  = "statements/faulty-known" // those of all stored statements are recorded
)

// affectedAccounts are the accounts that must be evaluated again: the import has a statement that does not balance, another
// version of one, or one for days of a faulty statement of an earlier import. Faulty statements are recorded before anything is
// ingested, because a version may come after a crash. Statements that are not yet recorded by their days are added to slots.
func (r *reading) affectedAccounts(ctx context.Context, slots *rows.File) (accounts map[string]bool, err error) {
	known, err := r.faultyStatements(ctx)
	if err != nil {
		return nil, err
	}
	accounts = map[string]bool{}
	fresh := map[string]faulty{}
	var lines []rows.Row
	versions := r.storedNames().NewVersions(
		func(line rows.Row) error { lines = append(lines, line); return nil },
		func(s *match.Statement) { fresh[s.ID], accounts[s.Account] = faultyOf(s, true), true },
	)
	for _, s := range r.spools {
		err := s.EachLine(project.StatementStream, func(line []byte) error {
			var row match.Statement
			if err := json.Unmarshal(line, &row); err != nil {
				return err
			}
			if slices.ContainsFunc(known[row.Account], func(f faulty) bool { return f.isConcernedBy(&row) }) {
				accounts[row.Account] = true
			}
			if bytes.Contains(line, []byte(`_fault":`)) || bytes.Contains(line, []byte(`"fault":`)) {
				fresh[row.ID], accounts[row.Account] = faultyOf(&row, false), true
				if !bytes.Contains(line, []byte(`"page_fault":`)) { // it may have another version
					return nil
				}
			}
			if !row.MayHaveVersions() || r.rules.Former {
				return nil
			}
			return versions.Add(ctx, &row)
		})
		if err != nil {
			return nil, err
		}
	}
	if err := errors.Join(versions.Flush(ctx), slots.Append(lines)); err != nil {
		return nil, fmt.Errorf("look for other versions of statements: %w", err)
	}
	if len(known) > 0 || r.retractions > 0 {
		if err := r.addRestoredBalances(ctx, accounts); err != nil {
			return nil, err
		}
	}
	return accounts, r.recordFaulty(ctx, fresh)
}

// addRestoredBalances adds the accounts of the import's balances that were cancelled. These are duplicates, and are
// restored under another id.
func (r *reading) addRestoredBalances(ctx context.Context, accounts map[string]bool) error {
	back, err := r.adjustment().CancelledBalances(ctx)
	if err != nil || len(back) == 0 {
		return err
	}
	return rows.Each(r.spools, project.BalanceStream, func(row *struct{ ID, Account, Day string }) {
		if back[row.ID] {
			accounts[row.Account] = true
			r.restated = append(r.restated, completeness.Days{From: statement.DayBefore(row.Day), To: statement.DayAfter(row.Day)})
		}
	})
}

// isConcernedBy reports whether a statement may decide about a faulty one.
func (b *faulty) isConcernedBy(s *match.Statement) bool {
	until := b.To
	if b.Awaits {
		until = cmp.Or(b.Next, s.From)
	}
	return b.From <= s.To && s.From <= until
}

// faultyStatements are the recorded ones, by account. A project of a version that did not record them is searched once.
func (r *reading) faultyStatements(ctx context.Context) (known map[string][]faulty, err error) {
	if !r.rules.Former {
		err := r.storedNames().SearchDays(ctx, func(list []match.Statement) error {
			awaiting := map[string]faulty{}
			for i := range list {
				awaiting[list[i].ID] = faultyOf(&list[i], true)
			}
			return r.recordFaulty(ctx, awaiting)
		})
		if err != nil {
			return nil, err
		}
	}
	searched := false
	err = r.Catalog.View(ctx, func(tx catalog.Tx) error {
		known = map[string][]faulty{}
		clear(r.awaiting)
		if searched, err = tx.Get(faultyKnown, new(bool)); err != nil {
			return err
		}
		return imported.Each(tx, faultyPrefix, "faulty statements", func(id string, f *faulty) {
			if f.Awaits {
				r.awaiting[id] = true
			}
			known[f.Account] = append(known[f.Account], *f)
		})
	})
	if err != nil || searched {
		return known, err
	}
	return known, r.searchFaulty(ctx, known)
}

func (r *reading) searchFaulty(ctx context.Context, known map[string][]faulty) error {
	found := map[string]faulty{}
	sql := "SELECT id, account, CAST(from_day AS VARCHAR), CAST(to_day AS VARCHAR) FROM stored WHERE fault IS NOT NULL OR page_fault IS NOT NULL"
	err := r.Select(ctx, project.StatementStream, sql, func(row []string) {
		f := faulty{Account: row[1], From: row[2], To: row[3]}
		found[row[0]] = f
		known[f.Account] = append(known[f.Account], f)
	})
	if err != nil {
		return fmt.Errorf("read faulty statements: %w", err)
	}
	if err := r.recordFaulty(ctx, found); err != nil {
		return err
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(faultyKnown, true) })
}

func (r *reading) recordFaulty(ctx context.Context, list map[string]faulty) error {
	if len(list) == 0 {
		return nil
	}
	for id, f := range list {
		if f.Awaits {
			r.awaiting[id] = true
		}
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error { return putAll(tx, faultyPrefix, list) })
}

// decide notes the day of the statement that decides which version counts.
func (r *reading) decide(v *completeness.Versions) {
	for _, s := range v.Balanced {
		for _, page := range s.Pages() {
			if !r.awaiting[page.ID] {
				continue
			}
			if day := v.DecidedBy(s); day != "" {
				r.decided[page.ID] = day
			}
		}
	}
}

// recordDecided runs once what only a superseded version lists is cancelled: statements after those days need not check it any more.
func (r *reading) recordDecided(ctx context.Context) error {
	if len(r.decided) == 0 {
		return nil
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for id, day := range r.decided {
			var f faulty
			found, err := tx.Get(faultyPrefix+id, &f)
			if f.Next = day; err == nil && found {
				err = tx.Put(faultyPrefix+id, f)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
