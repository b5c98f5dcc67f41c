// Rows on their way to intake.

package aggregate

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"bursar/internal/project"
)

// spool holds the rows of one file, a JSON lines file for each built-in stream. Nothing of a file is taken in before it has
// been read to its end: a truncated statement cannot be told from a whole one otherwise.
type spool struct {
	name  string // of the file the rows are of
	files map[string]*spooled
}

type spooled struct {
	path string
	out  *os.File
	to   *bufio.Writer
	rows int64
}

// newSpool makes the files dir/N.STREAM.jsonl.
func newSpool(dir string, n int, name string) (*spool, error) {
	s := &spool{name: name, files: map[string]*spooled{}}
	for _, stream := range project.BuiltinStreams {
		path := filepath.Join(dir, fmt.Sprintf("%d.%s.jsonl", n, stream))
		out, err := os.Create(path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("spool rows: %w", err), s.remove())
		}
		s.files[stream] = &spooled{path: path, out: out, to: bufio.NewWriterSize(out, 1<<16)}
	}
	return s, nil
}

func (s *spool) write(stream string, r row) error {
	f := s.files[stream]
	f.rows++
	if _, err := f.to.Write(r); err != nil {
		return fmt.Errorf("spool rows: %w", err)
	}
	return nil
}

// close ends the writing; the files stay.
func (s *spool) close() (all error) {
	for _, f := range s.files {
		if err := errors.Join(f.to.Flush(), f.out.Close()); err != nil {
			all = errors.Join(all, fmt.Errorf("spool rows: %w", err))
		}
	}
	return all
}

func (s *spool) remove() (all error) {
	for _, f := range s.files {
		_ = f.out.Close() // it may be closed
		all = errors.Join(all, os.Remove(f.path))
	}
	return all
}

// rows counts what a stream gets.
func (s *spool) rows(stream string) int64 { return s.files[stream].rows }
