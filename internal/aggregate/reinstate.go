// Makes statements of retracted files count that other files state too.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

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
	for _, stream := range streams {
		if err := rows.Each(r.spools, stream, func(row *struct{ ID string }) { stated[row.ID] = true }); err != nil {
			return err
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
