// Corrections that count no more: what they had taken the place of counts again, by an event of its own.

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

// countingCorrections says which corrections of a stream of entries count.
type countingCorrections struct {
	unlisted  []string          // corrections that no statement which counts lists any more
	corrected []string          // entries that were taken back as others took their place
	again     map[string]string // events by which such entries count again, each with the entry, or with the event by which that counted again before
	back      map[string]bool   // what was taken back as no statement listed it
}

// againID is the id of the event by which an entry counts again whose correction counts no more. It takes nothing back itself, so that
// pipelines which count entries count it.
func againID(id string) string { return digestOf("counts again", id).String() }

// countingCorrectionsOf reads which corrections of a view of entries count: the id of what takes an entry back says why it does. unlisted are those of
// retracted files that others have taken the place of.
func countingCorrectionsOf(ctx context.Context, o duck.Options, view string, unlisted []string) (s countingCorrections, err error) {
	s.again, s.back, s.unlisted = map[string]string{}, map[string]bool{}, unlisted
	of, corrects := map[string]string{}, map[string]bool{}
	sql := "WITH stored AS (" + view + ") SELECT b.id, b.takes_back, e.corrects FROM stored b JOIN stored e ON e.id = b.takes_back ORDER BY b.id"
	err = rowsOf(ctx, o, sql, func(row []string) error {
		switch id := row[1]; row[0] {
		case backID(id):
			s.back[id], corrects[id] = true, row[2] != ""
		case correctedID(id):
			s.corrected = append(s.corrected, id)
			of[againID(id)] = id
		}
		return nil
	})
	for err == nil && len(of) > 0 {
		next := map[string]string{} // what may have counted again after it was taken back
		err = rowsOf(ctx, o, "SELECT id FROM ("+view+") WHERE id IN ("+literals(slices.Sorted(maps.Keys(of)))+")", func(row []string) error {
			s.again[row[0]] = of[row[0]]
			if s.back[row[0]] {
				next[againID(row[0])] = row[0]
			}
			return nil
		})
		of = next
	}
	for id := range corrects {
		if entry := id; corrects[id] && !s.countsSince(id) {
			for ; entry != ""; entry = s.again[entry] {
				s.unlisted = append(s.unlisted, entry)
			}
		}
	}
	slices.Sort(s.unlisted)
	return s, err
}

// rememberUnlisted records the corrections of retracted files that no statement which counts lists, of the entries that ids has with whether they do.
// Those in the place of which others stand are taken back already, and nothing else says that they are listed no more.
func (r *reading) rememberUnlisted(ctx context.Context, ids string, retracted []string) error {
	view, err := r.view(ctx, project.EntryStream)
	if err != nil || view == "" {
		return err
	}
	options := r.Duck
	options.Dirs = append(slices.Clone(options.Dirs), r.Scratch)
	found := map[string][]string{}
	err = rowsOf(ctx, options, fmt.Sprintf("SELECT object, id FROM (%s) WHERE takes_back IS NULL AND corrects IS NOT NULL AND object IN (%s) AND id NOT IN "+
		"(SELECT id FROM %s WHERE gone = '0') ORDER BY id", view, literals(retracted), spooledSQL(ids)), func(row []string) error {
		found[row[0]] = append(found[row[0]], row[1])
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for corrections of retracted files: %w", err)
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, object := range retracted {
			key := rereadPrefix + path.Base(object)
			var of reread
			if _, err := tx.Get(key, &of); err != nil {
				return err
			}
			if is := of.current(); is != nil && !slices.Equal(is.Unlisted, found[object]) {
				is.Unlisted = found[object]
				if err := tx.Put(key, of); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// countsSince reports whether an event counts again after it was taken back.
func (s *countingCorrections) countsSince(id string) bool { return s.again[againID(id)] != "" }

// entryOf is the entry for which an event counts: the one that it was before it counted again.
func (s *countingCorrections) entryOf(id string) string {
	for s.again[id] != "" {
		id = s.again[id]
	}
	return id
}

// revivable are the events by which entries counted again until no statement listed them, by these entries.
func (s *countingCorrections) revivable() map[string]string {
	events := map[string]string{}
	for id := range s.again {
		if s.back[id] && !s.countsSince(id) {
			events[s.entryOf(id)] = id
		}
	}
	return events
}

// sql are the views that correctedSQL needs beside that of the stored entries.
func (s *countingCorrections) sql() string {
	return fmt.Sprintf("unlisted AS (SELECT unnest([%s]::VARCHAR[]) AS id), again AS (SELECT unnest([%s]::VARCHAR[]) AS id), "+
		"correctors AS (SELECT * FROM stored WHERE corrects IS NOT NULL AND takes_back IS NULL AND id NOT IN (FROM unlisted))",
		literals(s.unlisted), literals(slices.Sorted(maps.Keys(s.again))))
}

// uncorrectedSQL are the entries that were taken back as others took their place, and count again as none of these counts; and the events by which those
// counted that are listed once more.
func (s *countingCorrections) uncorrectedSQL(columns string, listed []string) string {
	return fmt.Sprintf("SELECT %s FROM stored WHERE (id IN (SELECT unnest([%s]::VARCHAR[])) AND id NOT IN (SELECT unnest([%s]::VARCHAR[])) OR id IN (SELECT unnest([%s]::VARCHAR[]))) "+
		"AND (kind, servicer, account, reference) NOT IN (SELECT (kind, servicer, account, corrects) FROM correctors) ORDER BY id",
		columns, literals(s.corrected), literals(slices.Sorted(maps.Values(s.again))), literals(listed))
}

// listed are rows of the ids that a statement lists, for the events by which they count again.
func (s *countingCorrections) listed() string {
	sql := ""
	for _, id := range slices.Sorted(maps.Keys(s.again)) {
		sql += fmt.Sprintf(" UNION ALL SELECT %s, gone FROM spooled WHERE id = %s", duck.Literal(id), duck.Literal(s.entryOf(id)))
	}
	return sql
}
