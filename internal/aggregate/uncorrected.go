// Finds corrections that count no more, and restores what they had corrected, by events with other ids.

package aggregate

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/project"
)

// countingCorrections says which corrections in the stream of entries count.
type countingCorrections struct {
	unlisted  []string          // corrections that no counting statement lists any more
	corrected []string          // entries that were cancelled by a correction
	restored  map[string]string // by id of the restoring event: what it restores, an entry or an earlier restoring event
	cancelled map[string]bool   // ids that were cancelled because no counting statement lists them
}

// restoredID is the id of the event that restores a cancelled one. The event itself has no takes_back, so that
// pipelines that count entries count it.
func restoredID(id string) string { return digestOf("counts again", id).String() }

// readCorrections reads which corrections of a view of entries count. The id of a cancelling event shows why it cancels. unlisted are
// those of retracted files.
func readCorrections(ctx context.Context, o duck.Options, view string, unlisted []string) (s countingCorrections, err error) {
	s.restored, s.cancelled, s.unlisted = map[string]string{}, map[string]bool{}, unlisted
	entries, corrects := map[string]string{}, map[string]bool{}
	sql := "WITH stored AS (" + view + ") SELECT b.id, b.takes_back, e.corrects FROM stored b JOIN stored e ON e.id = b.takes_back ORDER BY b.id"
	err = queryRows(ctx, o, sql, func(row []string) error {
		switch id := row[1]; row[0] {
		case cancelID(id):
			s.cancelled[id], corrects[id] = true, row[2] != ""
		case correctedID(id):
			s.corrected = append(s.corrected, id)
			entries[restoredID(id)] = id
		}
		return nil
	})
	for err == nil && len(entries) > 0 {
		next := map[string]string{} // a cancelled restoring event may have been restored itself
		err = queryRows(ctx, o, "SELECT id FROM ("+view+") WHERE id IN ("+sqlList(slices.Sorted(maps.Keys(entries)))+")", func(row []string) error {
			s.restored[row[0]] = entries[row[0]]
			if s.cancelled[row[0]] {
				next[restoredID(row[0])] = row[0]
			}
			return nil
		})
		entries = next
	}
	for id := range corrects {
		if entry := id; corrects[id] && !s.isRestored(id) {
			for ; entry != ""; entry = s.restored[entry] {
				s.unlisted = append(s.unlisted, entry)
			}
		}
	}
	slices.Sort(s.unlisted)
	return s, err
}

// recordUnlisted records which entries of some accounts in retracted files no counting statement lists, of those that correct others or are corrected.
// A corrected entry is cancelled already, so nothing else shows that it is not listed any more. ids is a file of ids, each with whether a counting
// statement lists it.
func (r *reading) recordUnlisted(ctx context.Context, ids string, accounts []string) error {
	view, err := r.streamView(ctx, project.EntryStream)
	if err != nil || view == "" {
		return err
	}
	files, err := Retracted(ctx, r.Catalog)
	if err != nil {
		return err
	}
	counting, err := readCorrections(ctx, r.Duck, view, nil)
	if err != nil {
		return err
	}
	options := r.Duck
	options.Dirs = append(slices.Clone(options.Dirs), r.Scratch)
	unlisted, all := map[string][]string{}, map[string]bool{}
	sql := fmt.Sprintf("WITH %s SELECT object, id, id IN (SELECT id FROM listed WHERE uncounted = '0') FROM (%s) WHERE takes_back IS NULL AND object IN (%s) AND account IN (%s) "+
		"AND (corrects IS NOT NULL OR id IN (SELECT unnest([%s]::VARCHAR[]))) ORDER BY id",
		listedSQL(ids, &counting), view, sqlList(objectsOf(files)), sqlList(accounts), sqlList(counting.corrected))
	err = queryRows(ctx, options, sql, func(row []string) error {
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
			key := rereadPrefix + path.Base(files[i].Object)
			var state reread
			if _, err := tx.Get(key, &state); err != nil {
				return err
			}
			last := state.current()
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

// isRestored reports whether an event was restored.
func (s *countingCorrections) isRestored(id string) bool { return s.restored[restoredID(id)] != "" }

// entryOf is the entry that an event restores, directly or through earlier restoring events.
func (s *countingCorrections) entryOf(id string) string {
	for s.restored[id] != "" {
		id = s.restored[id]
	}
	return id
}

// restorable returns the restoring events that were cancelled and not restored since, by the ids of their entries.
func (s *countingCorrections) restorable() map[string]string {
	events := map[string]string{}
	for id := range s.restored {
		if s.cancelled[id] && !s.isRestored(id) {
			events[s.entryOf(id)] = id
		}
	}
	return events
}

// withSQL are the views that correctedSQL needs in addition to that of the stored entries.
func (s *countingCorrections) withSQL() string {
	return fmt.Sprintf("unlisted AS (SELECT unnest([%s]::VARCHAR[]) AS id), again AS (SELECT unnest([%s]::VARCHAR[]) AS id), "+
		"correctors AS (SELECT * FROM stored WHERE corrects IS NOT NULL AND takes_back IS NULL AND id NOT IN (FROM unlisted))",
		sqlList(s.unlisted), sqlList(slices.Sorted(maps.Keys(s.restored))))
}

// uncorrectedSQL selects the entries that were cancelled by corrections, none of which counts any more, and the
// restorable events of entries that are listed again.
func (s *countingCorrections) uncorrectedSQL(columns string, listed []string) string {
	return fmt.Sprintf("SELECT %s FROM stored WHERE (id IN (SELECT unnest([%s]::VARCHAR[])) AND id NOT IN (SELECT unnest([%s]::VARCHAR[])) OR id IN (SELECT unnest([%s]::VARCHAR[]))) "+
		"AND (kind, servicer, account, reference) NOT IN (SELECT (kind, servicer, account, corrects) FROM correctors) ORDER BY id",
		columns, sqlList(s.corrected), sqlList(slices.Sorted(maps.Values(s.restored))), sqlList(listed))
}

// restoredSQL adds to the listed ids those of restoring events: a statement that lists an entry lists them too.
func (s *countingCorrections) restoredSQL() string {
	sql := ""
	for _, id := range slices.Sorted(maps.Keys(s.restored)) {
		sql += fmt.Sprintf(" UNION ALL SELECT %s, uncounted FROM spooled WHERE id = %s", duck.Literal(id), duck.Literal(s.entryOf(id)))
	}
	return sql
}
