// Finds corrections that count no more, and restores what they had corrected, by events with other ids.

package cancel

import (
	"context"
	"fmt"
	"path"
	"slices"

	"bursar/internal/aggregate/imported"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

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
	counting, err := imported.ReadCorrections(ctx, r.Duck, view, nil)
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
