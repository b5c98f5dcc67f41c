// Package cancel cancels what is stored of statements that do not count and of corrected entries, and restores what counts
// again, after the rows of an import are ingested. Nothing stored is changed: events with the opposite amount are added
// (rule 3). It depends on stored data and the originals alone, so that the next import completes one that was cut short.
// It must not decide which statements count.
package cancel

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/format"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/match"
	"bursar/internal/aggregate/rows"
	"bursar/internal/aggregate/rules"
	"bursar/internal/catalog"
	"bursar/internal/project"
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

	Awaiting map[string]bool     // ids of statements with another version, between which the next statement decides
	Restated []completeness.Days // days of cancelled balances that the import states again
	Decided  func(*completeness.Versions)

	restored bool // entries that the import lists were restored: see listedOnce
}

// File is a file that is read again or retracted.
type File struct {
	Parts     []imported.Part // those that were refused list nothing
	Removed   []string        // ids of statements of earlier readings that the last one lacks
	Retracted bool            // Removed is known, and it lists nothing that counts
	Accounts  []string        // of a retracted file
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
		f := &File{Retracted: true, Parts: k.Parts}
		if _, f.Accounts, err = r.StatementIDs(ctx, object, f.Parts); err != nil {
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

// correct cancels the corrected entries if the import has entries that may correct others or be corrected. If something
// may have been cancelled, it also restores entries whose corrections count no more. objects are those of the restoring
// events that count.
func (r *Adjustment) correct(ctx context.Context, cancelled bool) (entries int64, objects []string, err error) {
	if known, err := imported.HasFlag(ctx, r.Catalog, imported.CorrectionsKnown); err != nil || !known || !r.HasUnique && !cancelled {
		return 0, nil, err
	}
	view, err := r.View(ctx, project.EntryStream)
	if err != nil || view == "" {
		return 0, nil, err
	}
	earlier, err := imported.ListRereads(ctx, r.Catalog)
	if err != nil {
		return 0, nil, err
	}
	counting, err := imported.ReadCorrections(ctx, r.ObjectFiles, r.Duck, view, earlier.Unlisted())
	if err != nil {
		return 0, nil, err
	}
	columns := textColumns(r.Project.Stream(project.EntryStream))
	stored := fmt.Sprintf("WITH stored AS (%s), %s ", view, counting.WithSQL())
	result, err := r.ingestAnswers(ctx, project.EntryStream, stored+fmt.Sprintf("SELECT %s FROM (%s) WHERE NOT cancelled ORDER BY id", columns, imported.CorrectedSQL), "corrected", cancelling(identity.CorrectedID))
	if err != nil {
		return result.Accepted, nil, err
	}
	listed, err := r.listedOnce(counting.Restorable())
	if err != nil {
		return result.Accepted, nil, err
	}
	if objects, err = r.objectsOfRestored(ctx, view, &counting); err != nil {
		return result.Accepted, nil, err
	}
	_, err = r.ingestAnswers(ctx, project.EntryStream, stored+counting.UncorrectedSQL(columns, listed), "uncorrected", func(event map[string]any) {
		objects = append(objects, stringOf(event["object"]))
		event["id"] = identity.RestoredID(stringOf(event["id"]))
	})
	return result.Accepted, objects, err
}

// objectsOfRestored returns the objects of the stored restoring events that count.
func (r *Adjustment) objectsOfRestored(ctx context.Context, view string, counting *imported.Corrections) (objects []string, err error) {
	if len(counting.Restored) == 0 {
		return nil, nil
	}
	sql := "WITH stored AS (" + view + ") SELECT DISTINCT object FROM stored WHERE id IN (" + imported.SQLList(slices.Sorted(maps.Keys(counting.Restored))...) + ") " +
		"AND id NOT IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL)"
	err = imported.Query(ctx, r.ObjectFiles, r.Duck, sql, func(row []string) error {
		objects = append(objects, row[0])
		return nil
	})
	return objects, err
}

// listedOnce returns the events of those entries that the import lists, and nothing when it is called again: what is cancelled then is listed only by
// statements that do not count. events are by the ids of entries.
func (r *Adjustment) listedOnce(events map[string]string) (list []string, err error) {
	if r.restored || len(events) == 0 {
		return nil, nil
	}
	r.restored = true
	err = rows.Each(r.Spools, project.EntryStream, func(row *struct{ ID string }) {
		if event := events[row.ID]; event != "" {
			list = append(list, event)
		}
	})
	return list, err
}

func textColumns(s *project.Stream) string {
	list := make([]string, len(s.Columns))
	for i := range s.Columns {
		list[i] = fmt.Sprintf("CAST(%s AS VARCHAR)", s.Columns[i].Name)
	}
	return strings.Join(list, ", ")
}

// recordUnlisted records which entries of some accounts in retracted files no counting statement lists, of those that correct others or are corrected.
// A corrected entry is cancelled already, so nothing else shows that it is not listed any more. ids is a file of ids, each with whether a counting
// statement lists it.
func (r *Adjustment) recordUnlisted(ctx context.Context, ids string, accounts []string) error {
	view, err := r.View(ctx, project.EntryStream)
	if err != nil || view == "" {
		return err
	}
	files, err := imported.Retracted(ctx, r.Catalog)
	if err != nil {
		return err
	}
	counting, err := imported.ReadCorrections(ctx, r.ObjectFiles, r.Duck, view, nil)
	if err != nil {
		return err
	}
	unlisted, all := map[string][]string{}, map[string]bool{}
	sql := fmt.Sprintf("WITH %s SELECT object, id, id IN (SELECT id FROM listed WHERE uncounted = '0') FROM (%s) WHERE takes_back IS NULL AND object IN (%s) AND account IN (%s) "+
		"AND (corrects IS NOT NULL OR id IN (SELECT unnest([%s]::VARCHAR[]))) ORDER BY id",
		listedSQL(ids, &counting), view, imported.SQLList(imported.ObjectsOf(files)...), imported.SQLList(accounts...), imported.SQLList(counting.Corrected...))
	err = r.query(ctx, sql, func(row []string) error {
		if all[row[1]] = true; row[2] != "true" {
			unlisted[row[0]] = append(unlisted[row[0]], row[1])
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for corrections of retracted files: %w", err)
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for i := range files {
			key := imported.RereadPrefix + path.Base(files[i].Object)
			var state imported.Reread
			if _, err := tx.Get(key, &state); err != nil {
				return err
			}
			last := state.Current()
			if last == nil {
				continue
			}
			others := slices.DeleteFunc(slices.Clone(last.Unlisted), func(id string) bool { return all[id] })
			now := append(others, unlisted[files[i].Object]...)
			if slices.Equal(now, last.Unlisted) {
				continue
			}
			last.Unlisted = now
			if err := tx.Put(key, state); err != nil {
				return err
			}
		}
		return nil
	})
}
