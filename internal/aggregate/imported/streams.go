// Package imported is what is stored of imported files: the built-in streams, and the catalog's records of files, of their
// readings, retractions and corrections, and their rows in quarantine. It owns the form of these records. It must not
// decide what counts.
package imported

import (
	"context"
	"strings"

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
