// Spools rows before they are ingested.

package rows

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/project"
)

// maxSpoolFiles is how many input files share a spool. Each file of a spool is expensive to create and to ingest, and its
// record names all its parts.
const maxSpoolFiles = 1000

// Spool is one JSON lines file for each built-in stream, with the rows of some input files. Nothing of an input file is
// ingested before it has been read to its end: otherwise a truncated statement looks complete.
type Spool struct {
	Files     map[string]*Spooled
	fileCount int // input files with rows in the spool
	names     *NameSpool
}

// Spooled is the file of one stream.
type Spooled struct {
	Path   string
	out    *os.File
	writer *bufio.Writer
	Rows   int64
	bytes  int64
	Parts  []event.FilePart

	begun      struct{ rows, bytes int64 } // before the current file
	fileStarts []fileStart                 // of the input files with rows
}

// fileStart is the first row of an input file, counted from 0.
type fileStart struct {
	file uint32
	row  int64
}

// NewSpool creates the files dir/N.STREAM.jsonl. The names are those of the whole import.
func NewSpool(dir string, n int, all *NameSpool) (*Spool, error) {
	s := &Spool{Files: map[string]*Spooled{}, names: all}
	for _, stream := range project.BuiltinStreams {
		path := filepath.Join(dir, fmt.Sprintf("%d.%s.jsonl", n, stream))
		out, err := os.Create(path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("spool rows: %w", err), s.Close())
		}
		s.Files[stream] = &Spooled{Path: path, out: out, writer: bufio.NewWriterSize(out, 1<<16)}
	}
	return s, nil
}

// Begin starts the rows of another input file.
func (s *Spool) Begin() {
	s.names.begin()
	for _, f := range s.Files {
		f.begun.rows, f.begun.bytes = f.Rows, f.bytes
	}
}

// Write adds a row.
func (s *Spool) Write(stream string, r Row) error {
	f := s.Files[stream]
	f.Rows++
	f.bytes += int64(len(r))
	if _, err := f.writer.Write(r); err != nil {
		return fmt.Errorf("spool rows: %w", err)
	}
	return nil
}

// IsFull reports whether the next file begins another spool.
func (s *Spool) IsFull() bool { return s.fileCount >= maxSpoolFiles }

// End commits the rows written since begin as those of a file with this name.
func (s *Spool) End(name string) {
	s.fileCount++
	for _, f := range s.Files {
		if f.Rows > f.begun.rows {
			f.Parts = append(f.Parts, event.FilePart{Row: f.begun.rows + 1, Name: name})
			f.fileStarts = append(f.fileStarts, fileStart{s.names.file, f.begun.rows})
		}
	}
}

// Undo removes the rows written since begin.
func (s *Spool) Undo() error {
	all := s.names.undo()
	for _, f := range s.Files {
		err := errors.Join(f.writer.Flush(), f.out.Truncate(f.begun.bytes))
		if _, failed := f.out.Seek(f.begun.bytes, io.SeekStart); err != nil || failed != nil {
			all = errors.Join(all, fmt.Errorf("spool rows: %w", errors.Join(err, failed)))
		}
		f.Rows, f.bytes = f.begun.rows, f.begun.bytes
	}
	return all
}

// Close ends the writing; the files stay.
func (s *Spool) Close() (all error) {
	for _, f := range s.Files {
		if err := errors.Join(f.writer.Flush(), f.out.Close()); err != nil {
			all = errors.Join(all, fmt.Errorf("spool rows: %w", err))
		}
	}
	return all
}

// Rows counts the rows of a stream in the current file.
func (s *Spool) Rows(stream string) int64 {
	f := s.Files[stream]
	return f.Rows - f.begun.rows
}

// EachLine passes on the rows of a stream. The spool is closed.
func (s *Spool) EachLine(stream string, each func(line []byte) error) error {
	in, err := os.Open(s.Files[stream].Path)
	if err != nil {
		return fmt.Errorf("read rows again: %w", err)
	}
	lines := bufio.NewReaderSize(in, 1<<16)
	for err == nil {
		var line []byte
		if line, err = lines.ReadBytes('\n'); err == nil {
			err = each(line)
		}
	}
	if wrong := in.Close(); !errors.Is(err, io.EOF) || wrong != nil {
		return fmt.Errorf("read rows again: %w", errors.Join(err, wrong))
	}
	return nil
}

// Each decodes the rows of a stream in closed spools into T, which has the columns that are needed.
func Each[T any](spools []*Spool, stream string, each func(row *T)) error {
	for _, s := range spools {
		err := s.EachLine(stream, func(line []byte) error {
			var row T
			if err := json.Unmarshal(line, &row); err != nil {
				return err
			}
			each(&row)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

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
