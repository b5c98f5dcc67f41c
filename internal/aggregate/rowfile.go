// Rows that are ingested as one file beside those of the spools.

package aggregate

import (
	"errors"
	"os"

	"bursar/internal/event"
)

// slotFile is a file of the new rows for the stream of names.
type slotFile struct {
	path string
	rows int64
	name string // the first file that has any
}

func (s *slotFile) parts(string) []event.FilePart { return []event.FilePart{{Row: 1, Name: s.name}} }

// append adds rows to the file.
func (s *slotFile) append(rows []row) error {
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
