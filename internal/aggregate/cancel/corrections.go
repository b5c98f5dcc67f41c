// Applies entries that replace or delete others (CORRECTFITID of OFX): the corrected entries are cancelled, in whatever
// order the files are imported.

package cancel

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
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
	counting, err := imported.ReadCorrections(ctx, r.Duck, view, earlier.Unlisted())
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
	err = imported.Query(ctx, r.Duck, sql, func(row []string) error {
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
