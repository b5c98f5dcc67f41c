// Corrections that count no more: what they had taken the place of counts again, by an event of its own.

package aggregate

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"bursar/internal/duck"
)

// countingCorrections says which corrections of a stream of entries count.
type countingCorrections struct {
	unlisted  []string          // corrections that no statement which counts lists any more
	corrected []string          // entries that were taken back as others took their place
	again     map[string]string // events by which such entries count again, each with the entry
}

// againID is the id of the event by which an entry counts again whose correction counts no more. It takes nothing back itself, so that
// pipelines which count entries count it.
func againID(id string) string { return digestOf("counts again", id).String() }

// countingCorrectionsOf reads which corrections of a view of entries count: the id of what takes an entry back says why it does.
func countingCorrectionsOf(ctx context.Context, o duck.Options, view string) (s countingCorrections, err error) {
	s.again = map[string]string{}
	of := map[string]string{}
	sql := "WITH stored AS (" + view + ") SELECT b.id, b.takes_back, e.corrects FROM stored b JOIN stored e ON e.id = b.takes_back ORDER BY b.id"
	err = rowsOf(ctx, o, sql, func(row []string) error {
		switch id := row[1]; {
		case row[0] == backID(id) && row[2] != "":
			s.unlisted = append(s.unlisted, id)
		case row[0] == correctedID(id):
			s.corrected = append(s.corrected, id)
			of[againID(id)] = id
		}
		return nil
	})
	if err != nil || len(of) == 0 {
		return s, err
	}
	err = rowsOf(ctx, o, "SELECT id FROM ("+view+") WHERE id IN ("+literals(slices.Sorted(maps.Keys(of)))+")", func(row []string) error {
		s.again[row[0]] = of[row[0]]
		return nil
	})
	return s, err
}

// sql are the views that correctedSQL needs beside that of the stored entries.
func (s *countingCorrections) sql() string {
	return fmt.Sprintf("unlisted AS (SELECT unnest([%s]::VARCHAR[]) AS id), again AS (SELECT unnest([%s]::VARCHAR[]) AS id), "+
		"correctors AS (SELECT * FROM stored WHERE corrects IS NOT NULL AND takes_back IS NULL AND id NOT IN (FROM unlisted))",
		literals(s.unlisted), literals(slices.Sorted(maps.Keys(s.again))))
}

// uncorrectedSQL are the entries that were taken back as others took their place, and count again as none of these counts.
func (s *countingCorrections) uncorrectedSQL(columns string) string {
	return fmt.Sprintf("SELECT %s FROM stored WHERE id IN (SELECT unnest([%s]::VARCHAR[])) AND id NOT IN (SELECT unnest([%s]::VARCHAR[])) "+
		"AND (kind, servicer, account, reference) NOT IN (SELECT (kind, servicer, account, corrects) FROM correctors) ORDER BY id",
		columns, literals(s.corrected), literals(slices.Sorted(maps.Values(s.again))))
}

// listed are rows of the ids that a statement lists, for the events by which they count again.
func (s *countingCorrections) listed() string {
	sql := ""
	for _, id := range slices.Sorted(maps.Keys(s.again)) {
		of := s.again[id]
		for s.again[of] != "" {
			of = s.again[of]
		}
		sql += fmt.Sprintf(" UNION ALL SELECT %s, gone FROM spooled WHERE id = %s", duck.Literal(id), duck.Literal(of))
	}
	return sql
}
