// Package imported is what is stored of imported files: the built-in streams, and the catalog's records of files, of their
// readings, retractions and corrections, and their rows in quarantine. It owns the form of these records. It must not
// decide what counts.
package imported

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/internal/aggregate/identity"
	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Streams are the built-in streams as they are stored, with the catalog's records of the imported files.
type Streams struct {
	Objects     object.Local
	ObjectFiles object.Files // what SQL reads, until the operation ends
	Catalog     catalog.Catalog
	Project     *project.Project
	Duck        duck.Options
}

// View is a SELECT over all events of a stream; empty if there are none.
func (s *Streams) View(ctx context.Context, stream string) (string, error) {
	batches, err := event.Batches(ctx, s.Catalog, stream, 0)
	if err != nil || len(batches) == 0 {
		return "", err
	}
	if err := event.CheckObjects(ctx, s.Objects, batches, s.Duck.Threads); err != nil {
		return "", err
	}
	return event.ViewSQL(s.ObjectFiles, s.Project.Stream(stream), batches), nil
}

// Select passes on the rows that a SELECT finds among all events of a stream, which it names stored. It does nothing if
// there are none.
func (s *Streams) Select(ctx context.Context, stream, sql string, each func(row []string)) error {
	view, err := s.View(ctx, stream)
	if err != nil || view == "" {
		return err
	}
	return Query(ctx, s.ObjectFiles, s.Duck, "WITH stored AS ("+view+") "+sql, func(row []string) error {
		each(row)
		return nil
	})
}

// Query passes on rows of texts; null is empty. It pins the files that the SQL reads.
func Query(ctx context.Context, files object.Files, o duck.Options, sql string, each func(row []string) error) error {
	if err := files.Pin(ctx); err != nil {
		return err
	}
	session, err := duck.Open(o)
	if err != nil {
		return err
	}
	defer session.Close()
	session.ExplainWith(files.Explain)
	return session.Query(ctx, sql, func(columns []column.Vector) error {
		row := make([]string, len(columns))
		for i := range columns[0].Len() {
			for j := range columns {
				row[j] = string(columns[j].AppendPlain(nil, i))
			}
			if err := each(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// SQLList is a list of SQL literals.
func SQLList(texts ...string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = duck.Literal(text)
	}
	return strings.Join(quoted, ", ")
}

// CorrectionsKnown is the flag that a correcting entry was ever read.
const CorrectionsKnown = "statements/corrections"

// HasFlag reports whether a flag was set in the catalog.
func HasFlag(ctx context.Context, in catalog.Catalog, key string) (set bool, err error) {
	return catalog.Read(ctx, in, func(tx catalog.Tx) (bool, error) { return tx.Get(key, new(bool)) })
}

// CorrectedSQL selects the corrected entries, each with whether it is cancelled. An entry whose reference equals the
// one that it corrects does not correct itself.
const CorrectedSQL = "SELECT *, id IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL) AS cancelled FROM stored " +
	"WHERE takes_back IS NULL AND corrects IS DISTINCT FROM reference AND (kind, servicer, account, reference) IN " +
	"(SELECT (kind, servicer, account, corrects) FROM correctors)"

// Corrections says which corrections in the stream of entries count.
type Corrections struct {
	unlisted  []string          // corrections that no counting statement lists any more
	Corrected []string          // entries that were cancelled by a correction
	Restored  map[string]string // by id of the restoring event: what it restores, an entry or an earlier restoring event
	cancelled map[string]bool   // ids that were cancelled because no counting statement lists them
}

// ReadCorrections reads which corrections of a view of entries count. The id of a cancelling event shows why it cancels. unlisted are
// those of retracted files.
func ReadCorrections(ctx context.Context, files object.Files, o duck.Options, view string, unlisted []string) (s Corrections, err error) {
	s.Restored, s.cancelled, s.unlisted = map[string]string{}, map[string]bool{}, unlisted
	entries, corrects := map[string]string{}, map[string]bool{}
	sql := "WITH stored AS (" + view + ") SELECT b.id, b.takes_back, e.corrects FROM stored b JOIN stored e ON e.id = b.takes_back ORDER BY b.id"
	err = Query(ctx, files, o, sql, func(row []string) error {
		switch id := row[1]; row[0] {
		case identity.CancelID(id):
			s.cancelled[id], corrects[id] = true, row[2] != ""
		case identity.CorrectedID(id):
			s.Corrected = append(s.Corrected, id)
			entries[identity.RestoredID(id)] = id
		}
		return nil
	})
	for err == nil && len(entries) > 0 {
		next := map[string]string{} // a cancelled restoring event may have been restored itself
		err = Query(ctx, files, o, "SELECT id FROM ("+view+") WHERE id IN ("+SQLList(slices.Sorted(maps.Keys(entries))...)+")", func(row []string) error {
			s.Restored[row[0]] = entries[row[0]]
			if s.cancelled[row[0]] {
				next[identity.RestoredID(row[0])] = row[0]
			}
			return nil
		})
		entries = next
	}
	for id := range corrects {
		if entry := id; corrects[id] && !s.isRestored(id) {
			for ; entry != ""; entry = s.Restored[entry] {
				s.unlisted = append(s.unlisted, entry)
			}
		}
	}
	slices.Sort(s.unlisted)
	return s, err
}

func (s *Corrections) isRestored(id string) bool { return s.Restored[identity.RestoredID(id)] != "" }

// entryOf is the entry that an event restores, directly or through earlier restoring events.
func (s *Corrections) entryOf(id string) string {
	for s.Restored[id] != "" {
		id = s.Restored[id]
	}
	return id
}

// Restorable returns the restoring events that were cancelled and not restored since, by the ids of their entries.
func (s *Corrections) Restorable() map[string]string {
	events := map[string]string{}
	for id := range s.Restored {
		if s.cancelled[id] && !s.isRestored(id) {
			events[s.entryOf(id)] = id
		}
	}
	return events
}

// WithSQL are the views that CorrectedSQL needs in addition to that of the stored entries.
func (s *Corrections) WithSQL() string {
	return fmt.Sprintf("unlisted AS (SELECT unnest([%s]::VARCHAR[]) AS id), again AS (SELECT unnest([%s]::VARCHAR[]) AS id), "+
		"correctors AS (SELECT * FROM stored WHERE corrects IS NOT NULL AND takes_back IS NULL AND id NOT IN (FROM unlisted))",
		SQLList(s.unlisted...), SQLList(slices.Sorted(maps.Keys(s.Restored))...))
}

// UncorrectedSQL selects the entries that were cancelled by corrections, none of which counts any more, and the
// restorable events of entries that are listed again.
func (s *Corrections) UncorrectedSQL(columns string, listed []string) string {
	return fmt.Sprintf("SELECT %s FROM stored WHERE (id IN (SELECT unnest([%s]::VARCHAR[])) AND id NOT IN (SELECT unnest([%s]::VARCHAR[])) OR id IN (SELECT unnest([%s]::VARCHAR[]))) "+
		"AND (kind, servicer, account, reference) NOT IN (SELECT (kind, servicer, account, corrects) FROM correctors) ORDER BY id",
		columns, SQLList(s.Corrected...), SQLList(slices.Sorted(maps.Values(s.Restored))...), SQLList(listed...))
}

// RestoredSQL adds to the listed ids those of restoring events: a statement that lists an entry lists them too.
func (s *Corrections) RestoredSQL() string {
	sql := ""
	for _, id := range slices.Sorted(maps.Keys(s.Restored)) {
		sql += fmt.Sprintf(" UNION ALL SELECT %s, uncounted FROM spooled WHERE id = %s", duck.Literal(id), duck.Literal(s.entryOf(id)))
	}
	return sql
}
