// Spools rows before they are ingested.

package aggregate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"bursar/internal/event"
	"bursar/internal/project"
)

// maxSpoolFiles is how many input files share a spool. Each file of a spool is expensive to create and to ingest, and its
// record names all its parts.
const maxSpoolFiles = 1000

// spool is one JSON lines file for each built-in stream, with the rows of some input files. Nothing of an input file is
// ingested before it has been read to its end: otherwise a truncated statement looks complete.
type spool struct {
	files     map[string]*spooled
	fileCount int // input files with rows in the spool
	names     *nameSpool
}

type spooled struct {
	path   string
	out    *os.File
	writer *bufio.Writer
	rows   int64
	bytes  int64
	parts  []event.FilePart

	begun      struct{ rows, bytes int64 } // before the current file
	fileStarts []fileStart                 // of the input files with rows
}

// fileStart is the first row of an input file, counted from 0.
type fileStart struct {
	file uint32
	row  int64
}

// newSpool creates the files dir/N.STREAM.jsonl. The names are those of the whole import.
func newSpool(dir string, n int, all *nameSpool) (*spool, error) {
	s := &spool{files: map[string]*spooled{}, names: all}
	for _, stream := range project.BuiltinStreams {
		path := filepath.Join(dir, fmt.Sprintf("%d.%s.jsonl", n, stream))
		out, err := os.Create(path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("spool rows: %w", err), s.close())
		}
		s.files[stream] = &spooled{path: path, out: out, writer: bufio.NewWriterSize(out, 1<<16)}
	}
	return s, nil
}

// begin starts the rows of another input file.
func (s *spool) begin() {
	s.names.begin()
	for _, f := range s.files {
		f.begun.rows, f.begun.bytes = f.rows, f.bytes
	}
}

func (s *spool) write(stream string, r row) error {
	f := s.files[stream]
	f.rows++
	f.bytes += int64(len(r))
	if _, err := f.writer.Write(r); err != nil {
		return fmt.Errorf("spool rows: %w", err)
	}
	return nil
}

// isFull reports whether the next file begins another spool.
func (s *spool) isFull() bool { return s.fileCount >= maxSpoolFiles }

func (s *spool) newListing() uint32 {
	s.names.listings = append(s.names.listings, listing{})
	return uint32(len(s.names.listings) - 1)
}

func (s *spool) setListing(at uint32, l listing) { s.names.listings[at] = l }

func (s *spool) addNamed(n *namedEntry) error { return s.names.add(n) }

// end commits the rows written since begin as those of a file with this name.
func (s *spool) end(name string) {
	s.fileCount++
	for _, f := range s.files {
		if f.rows > f.begun.rows {
			f.parts = append(f.parts, event.FilePart{Row: f.begun.rows + 1, Name: name})
			f.fileStarts = append(f.fileStarts, fileStart{s.names.file, f.begun.rows})
		}
	}
}

// undo removes the rows written since begin.
func (s *spool) undo() error {
	all := s.names.undo()
	for _, f := range s.files {
		err := errors.Join(f.writer.Flush(), f.out.Truncate(f.begun.bytes))
		if _, failed := f.out.Seek(f.begun.bytes, io.SeekStart); err != nil || failed != nil {
			all = errors.Join(all, fmt.Errorf("spool rows: %w", errors.Join(err, failed)))
		}
		f.rows, f.bytes = f.begun.rows, f.begun.bytes
	}
	return all
}

// close ends the writing; the files stay.
func (s *spool) close() (all error) {
	for _, f := range s.files {
		if err := errors.Join(f.writer.Flush(), f.out.Close()); err != nil {
			all = errors.Join(all, fmt.Errorf("spool rows: %w", err))
		}
	}
	return all
}

// rows counts the rows of a stream in the current file.
func (s *spool) rows(stream string) int64 {
	f := s.files[stream]
	return f.rows - f.begun.rows
}
