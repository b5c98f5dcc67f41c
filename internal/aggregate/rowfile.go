// Rows that are ingested as one file beside those of the spools.

package aggregate

import (
	"context"
	"errors"
	"fmt"
	"os"

	"bursar/internal/event"
)

// rowFile is a file of rows of one stream.
type rowFile struct {
	path string
	rows int64
	name string // the first statement file that has any
}

// ingestFunc seals the rows of JSON lines files as one batch of a built-in stream. parts lists the statement files whose
// rows such a file contains. Rows that the stream already has are duplicates.
type ingestFunc func(ctx context.Context, stream string, files []string, parts func(path string) []event.FilePart) (event.Result, error)

// ingest ingests the rows, if there are any.
func (s *rowFile) ingest(ctx context.Context, stream string, by ingestFunc) (result event.Result, err error) {
	if s.rows == 0 {
		return result, nil
	}
	if result, err = by(ctx, stream, []string{s.path}, s.parts); err != nil {
		err = fmt.Errorf("ingest %s: %w", stream, err)
	}
	return result, err
}

func (s *rowFile) parts(string) []event.FilePart { return []event.FilePart{{Row: 1, Name: s.name}} }

// append adds rows to the file.
func (s *rowFile) append(rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	out, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, line := range rows {
		s.rows++
		if _, err = out.Write(line); err != nil {
			break
		}
	}
	return errors.Join(err, out.Close())
}
