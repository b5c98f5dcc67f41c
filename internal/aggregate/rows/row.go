// Rows of the built-in streams, as the JSON lines that intake reads; and rewrites those of entries that are stored under another id.

package rows

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/project"
)

// Row is a JSON line that is being written. Values that a file does not state are omitted.
type Row []byte

// Begin begins a row.
func (r *Row) Begin() { *r = append((*r)[:0], '{') }

func (r *Row) next() {
	if n := len(*r); n > 0 && (*r)[n-1] != '{' {
		*r = append(*r, ',')
	}
}

func (r *Row) columns(written Row) {
	r.next()
	*r = append(*r, written...)
}

func (r *Row) name(name string) {
	r.next()
	*r = append(append(append(*r, '"'), name...), '"', ':')
}

// Text writes a required text, empty or not.
func (r *Row) Text(name, value string) {
	r.name(name)
	*r = column.AppendJSON(*r, value)
}

// Stated writes a text unless it is empty; intake rejects a row that lacks a required column.
func (r *Row) Stated(name, value string) {
	if value != "" {
		r.Text(name, value)
	}
}

// Digest writes an id.
func (r *Row) Digest(name string, d identity.Digest) {
	r.name(name)
	*r = append(hex.AppendEncode(append(*r, '"'), d[:]), '"')
}

func (r *Row) place(name string, at statement.Place) {
	r.name(name)
	*r = append(at.Append(append(*r, '"')), '"')
}

func (r *Row) count(name string, n int64) {
	r.name(name)
	*r = strconv.AppendInt(*r, n, 10)
}

func (r *Row) flag(name string, set bool) {
	r.name(name)
	*r = strconv.AppendBool(*r, set)
}

// refused writes a reason for which intake rejects the row; quarantine shows it.
func (r *Row) refused(why *statement.Refusal) {
	r.name(event.RefusedProperty)
	*r = append(*r, '{')
	r.Stated("column", why.Column)
	r.Text("reason", why.Reason)
	*r = append(*r, '}')
}

// End ends the row.
func (r *Row) End() { *r = append(*r, '}', '\n') }

// Renamings are the other ids of entries, by file.
type Renamings map[uint32]map[identity.Digest]identity.Digest

// Add renames an entry of a file.
func (m Renamings) Add(file uint32, from, to identity.Digest) {
	if m[file] == nil {
		m[file] = map[identity.Digest]identity.Digest{}
	}
	m[file][from] = to
}

// Offsets of ids in spooled rows.
const (
	IDAt    = len(`{"id":"`)
	entryAt = IDAt + 2*len(identity.Digest{}) + len(`","entry":"`)
)

// Apply rewrites the rows of entries and their details.
func (m Renamings) Apply(spools []*Spool) error {
	if len(m) == 0 {
		return nil
	}
	for _, s := range spools {
		for _, stream := range []string{project.EntryStream, project.DetailStream} {
			if err := m.rewrite(s, stream); err != nil {
				return fmt.Errorf("spool rows: %w", err)
			}
		}
	}
	return nil
}

// rewrite rewrites the file of a stream. Its size stays the same.
func (m Renamings) rewrite(s *Spool, stream string) error {
	f, r, starts, n := s.Files[stream], renaming{Renamings: m, details: stream == project.DetailStream}, 0, int64(0)
	err := WriteFile(f.Path+".new", func(to *bufio.Writer) error {
		return s.EachLine(stream, func(line []byte) error {
			for ; starts < len(f.fileStarts) && f.fileStarts[starts].row <= n; starts++ {
				r.file = f.fileStarts[starts].file
			}
			n++
			_, err := to.Write(r.row(line))
			return err
		})
	})
	if err == nil && n < f.Rows {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = os.Rename(f.Path+".new", f.Path)
	}
	return err
}

type renaming struct {
	Renamings
	details bool
	file    uint32
	entry   identity.Digest // of the previous detail
	n       int64           // number of that detail
}

func (r *renaming) row(line []byte) []byte {
	if !r.details {
		r.replace(line, IDAt, identity.Decode(line, IDAt))
		return line
	}
	entry := identity.Decode(line, entryAt)
	r.n++
	if entry != r.entry || identity.Decode(line, IDAt) != identity.DetailID(entry, r.n) {
		r.entry, r.n = entry, 1
	}
	if to, renamed := r.Renamings[r.file][entry]; renamed {
		id := identity.DetailID(to, r.n)
		hex.Encode(line[IDAt:], id[:])
	}
	r.replace(line, entryAt, entry)
	return line
}

func (r *renaming) replace(line []byte, at int, id identity.Digest) {
	if to, renamed := r.Renamings[r.file][id]; renamed {
		hex.Encode(line[at:], to[:])
	}
}
