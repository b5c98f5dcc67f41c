// Finds corrections that count no more, and restores what they had corrected, by events with other ids.

package aggregate

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"bursar/internal/duck"
)

// countingCorrections says which corrections in the stream of entries count.
type countingCorrections struct {
	unlisted  []string          // corrections that no counting statement lists any more
	corrected []string          // entries that were cancelled by a correction
	restored  map[string]string // by id of the restoring event: the entry that it restores
}

// restoredID is the id of the event that restores a cancelled one. The event itself has no takes_back, so that
// pipelines that count entries count it.
func restoredID(id string) string { return digestOf("counts again", id).String() }

// readCorrections reads which corrections of a view of entries count. The id of a cancelling event shows why it cancels.
func readCorrections(ctx context.Context, o duck.Options, view string) (s countingCorrections, err error) {
	s.restored = map[string]string{}
	entries := map[string]string{}
	sql := "WITH stored AS (" + view + ") SELECT b.id, b.takes_back, e.corrects FROM stored b JOIN stored e ON e.id = b.takes_back ORDER BY b.id"
	err = queryRows(ctx, o, sql, func(row []string) error {
		switch id := row[1]; {
		case row[0] == cancelID(id) && row[2] != "":
			s.unlisted = append(s.unlisted, id)
		case row[0] == correctedID(id):
			s.corrected = append(s.corrected, id)
			entries[restoredID(id)] = id
		}
		return nil
	})
	if err != nil || len(entries) == 0 {
		return s, err
	}
	err = queryRows(ctx, o, "SELECT id FROM ("+view+") WHERE id IN ("+sqlList(slices.Sorted(maps.Keys(entries)))+")", func(row []string) error {
		s.restored[row[0]] = entries[row[0]]
		return nil
	})
	return s, err
}

// withSQL are the views that correctedSQL needs in addition to that of the stored entries.
func (s *countingCorrections) withSQL() string {
	return fmt.Sprintf("unlisted AS (SELECT unnest([%s]::VARCHAR[]) AS id), again AS (SELECT unnest([%s]::VARCHAR[]) AS id), "+
		"correctors AS (SELECT * FROM stored WHERE corrects IS NOT NULL AND takes_back IS NULL AND id NOT IN (FROM unlisted))",
		sqlList(s.unlisted), sqlList(slices.Sorted(maps.Keys(s.restored))))
}

// uncorrectedSQL selects the entries that were cancelled by corrections, none of which counts any more.
func (s *countingCorrections) uncorrectedSQL(columns string) string {
	return fmt.Sprintf("SELECT %s FROM stored WHERE id IN (SELECT unnest([%s]::VARCHAR[])) AND id NOT IN (SELECT unnest([%s]::VARCHAR[])) "+
		"AND (kind, servicer, account, reference) NOT IN (SELECT (kind, servicer, account, corrects) FROM correctors) ORDER BY id",
		columns, sqlList(s.corrected), sqlList(slices.Sorted(maps.Values(s.restored))))
}

// restoredSQL adds to the listed ids those of restoring events: a statement that lists an entry lists them too.
func (s *countingCorrections) restoredSQL() string {
	sql := ""
	for _, id := range slices.Sorted(maps.Keys(s.restored)) {
		entry := s.restored[id]
		for s.restored[entry] != "" {
			entry = s.restored[entry]
		}
		sql += fmt.Sprintf(" UNION ALL SELECT %s, uncounted FROM spooled WHERE id = %s", duck.Literal(id), duck.Literal(entry))
	}
	return sql
}
