// Applies entries that replace or delete others (CORRECTFITID of OFX): the corrected entries are cancelled, in whatever
// order the files are imported.

package cancel

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

// correct cancels the corrected entries if the import has entries that may correct others or be corrected. If something
// may have been cancelled, it also restores entries whose corrections count no more. It depends on stored data alone,
// so that the next import completes one that was cut short. objects are those of the restoring events that count.
func (r *Adjustment) correct(ctx context.Context, cancelled bool) (entries int64, objects []string, err error) {
	if known, err := imported.HasCorrections(ctx, r.Catalog); err != nil || !known || !r.HasUnique && !cancelled {
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
		restoring(event)
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

// textColumns lists the columns of a stream as texts, for SQL.
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
