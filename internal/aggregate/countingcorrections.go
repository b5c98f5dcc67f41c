// Which of the stored corrections count.

package aggregate

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/duck"
)

// correctionsKnown exists once a correcting entry was read.
const correctionsKnown = "statements/corrections"

func hasCorrections(ctx context.Context, from catalog.Catalog) (known bool, err error) {
	err = from.View(ctx, func(tx catalog.Tx) error {
		known, err = tx.Get(correctionsKnown, new(bool))
		return err
	})
	return known, err
}

// correctedSQL selects the corrected entries, each with whether it is cancelled. An entry whose reference equals the
// one that it corrects does not correct itself.
const correctedSQL = "SELECT *, id IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL) AS cancelled FROM stored " +
	"WHERE takes_back IS NULL AND corrects IS DISTINCT FROM reference AND (kind, servicer, account, reference) IN " +
	"(SELECT (kind, servicer, account, corrects) FROM correctors)"

// countingCorrections says which corrections in the stream of entries count.
type countingCorrections struct {
	unlisted  []string          // corrections that no counting statement lists any more
	corrected []string          // entries that were cancelled by a correction
	restored  map[string]string // by id of the restoring event: what it restores, an entry or an earlier restoring event
	cancelled map[string]bool   // ids that were cancelled because no counting statement lists them
}

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
