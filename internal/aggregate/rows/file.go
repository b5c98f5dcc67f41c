// Rows that are ingested as one file beside those of the spools.

package rows

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"bursar/internal/event"
	"bursar/internal/event/intake"
)

// File is a file of rows of one stream.
type File struct {
	Path string
	Rows int64
	Name string // the first statement file that has any
}

// IngestFunc seals the rows of JSON lines files as one batch of a built-in stream. parts lists the statement files whose
// rows such a file contains. Rows that the stream already has are duplicates.
type IngestFunc func(ctx context.Context, stream string, files []string, parts func(path string) []event.FilePart) (intake.Result, error)

// Ingest ingests the rows, if there are any.
func (s *File) Ingest(ctx context.Context, stream string, by IngestFunc) (result intake.Result, err error) {
	if s.Rows == 0 {
		return result, nil
	}
	if result, err = by(ctx, stream, []string{s.Path}, s.Parts); err != nil {
		err = fmt.Errorf("ingest %s: %w", stream, err)
	}
	return result, err
}

// Parts names the statement file for intake.
func (s *File) Parts(string) []event.FilePart { return []event.FilePart{{Row: 1, Name: s.Name}} }

// WriteFile creates a file, and passes a buffer for what it is to contain.
func WriteFile(path string, write func(to *bufio.Writer) error) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	to := bufio.NewWriterSize(out, 1<<16)
	return errors.Join(write(to), to.Flush(), out.Close())
}

// Append adds rows to the file.
func (s *File) Append(rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	out, err := os.OpenFile(s.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, line := range rows {
		s.Rows++
		if _, err = out.Write(line); err != nil {
			break
		}
	}
	return errors.Join(err, out.Close())
}
