// Package cancel cancels what is stored of statements that do not count and of corrected entries, and restores what counts
// again, after the rows of an import are ingested. Nothing stored is changed: events with the opposite amount are added
// (rule 3). It depends on stored data and the originals alone, so that the next import completes one that was cut short.
// It must not decide which statements count.
package cancel

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/match"
	"bursar/internal/aggregate/rows"
	"bursar/internal/aggregate/rules"
)

// Adjustment cancels and restores what is stored, after the rows of an import are ingested.
type Adjustment struct {
	match.Names // Stale and Dir, below Scratch, are those of the import
	Files       format.Opener
	Limits      rows.Limits
	Scratch     string // of all imports

	Rules       rules.Set
	Institution string        // restricts the CSV mappings of the import
	Spools      []*rows.Spool // of the import
	HasUnique   bool          // the import has entries whose reference identifies them permanently

	Awaiting map[string]bool // ids of statements with another version, between which the next statement decides
	Restated []Days          // days of cancelled balances that the import states again
	Decided  func(*completeness.Decision)

	restored bool // entries that the import lists were restored: see listedOnce
}

// File is a file that is read again or retracted.
type File struct {
	Refused   []bool   // for each part whether it was refused
	Removed   []string // ids of statements of earlier readings that the last one lacks
	Retracted bool     // Removed is known, and it lists nothing that counts
	Accounts  []string // of a retracted file
}

// Retracted is an imported file as one that lists nothing that counts.
func Retracted(k *imported.File) *File {
	return &File{Retracted: true, Refused: imported.RefusedParts(k.Parts)}
}

// Adjusted is the result of one Adjust.
type Adjusted struct {
	Cancelled int64  // stored entries that no counting statement lists any more
	Corrected int64  // stored entries that other entries replace or delete
	Left      string // why something may be left to be cancelled
}

// Adjust cancels what no counting statement lists any more and what other entries correct. Entries whose corrections
// are cancelled count again, unless only a retracted file lists them: each pass of the loop cancels those. files are
// by their objects; accounts are to be evaluated again.
func (r *Adjustment) Adjust(ctx context.Context, files map[string]*File, accounts map[string]bool) (a Adjusted, err error) {
	visited := map[string]*File{}
	for len(files)+len(accounts) > 0 || r.HasUnique {
		maps.Copy(visited, files)
		n, unread, err := r.cancelUncounted(ctx, files, accounts)
		if a.Cancelled += n; err != nil {
			a.Left = unread
			return a, err
		}
		a.Left = cmp.Or(a.Left, unread)
		made, objects, err := r.correct(ctx, len(files)+len(accounts) > 0)
		if a.Corrected += made; err != nil || a.Left != "" {
			return a, err
		}
		if files, err = r.retractedAmong(ctx, objects, visited); err != nil {
			return a, err
		}
		if accounts = map[string]bool{}; len(files) == 0 {
			break
		}
	}
	return a, nil
}

// retractedAmong returns the files of those objects that are retracted, but for those that were visited.
func (r *Adjustment) retractedAmong(ctx context.Context, objects []string, visited map[string]*File) (map[string]*File, error) {
	found := map[string]*File{}
	slices.Sort(objects)
	for _, object := range slices.Compact(objects) {
		if visited[object] != nil {
			continue
		}
		k, err := imported.ByDigest(ctx, r.Catalog, path.Base(object))
		if err != nil {
			return nil, err
		}
		if k.Retracted == nil {
			continue
		}
		f := Retracted(&k)
		if _, f.Accounts, err = r.StatementIDs(ctx, object, f.Refused); err != nil {
			return nil, err
		}
		found[object] = f
	}
	if len(found) == 0 {
		return found, nil
	}
	earlier, err := imported.ListRereads(ctx, r.Catalog)
	for object, f := range found {
		if last := earlier[object]; last != nil {
			f.Removed = last.Removed
		}
	}
	return found, err
}
