// Rewrites spooled rows of entries that are stored under another id.

package aggregate

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"bursar/internal/project"
)

// renamings are the other ids of entries, by file.
type renamings map[uint32]map[digest]digest

func (m renamings) add(file uint32, from, to digest) {
	if m[file] == nil {
		m[file] = map[digest]digest{}
	}
	m[file][from] = to
}

// Offsets of ids in spooled rows.
const (
	idAt    = len(`{"id":"`)
	entryAt = idAt + 2*len(digest{}) + len(`","entry":"`)
)

// apply rewrites the rows of entries and their details.
func (m renamings) apply(spools []*spool) error {
	if len(m) == 0 {
		return nil
	}
	for _, s := range spools {
		for _, stream := range []string{project.EntryStream, project.DetailStream} {
			if err := m.rewrite(s.files[stream], stream == project.DetailStream); err != nil {
				return fmt.Errorf("spool rows: %w", err)
			}
		}
	}
	return nil
}

// rewrite rewrites one file. Its size stays the same.
func (m renamings) rewrite(f *spooled, details bool) (err error) {
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(f.path + ".new")
	if err != nil {
		return err
	}
	to := bufio.NewWriterSize(out, 1<<16)
	r := renaming{renamings: m, details: details}
	lines := bufio.NewReaderSize(in, 1<<16)
	at := 0
	for n := int64(0); err == nil && n < f.rows; n++ {
		for at < len(f.fileStarts) && f.fileStarts[at].row <= n {
			r.file = f.fileStarts[at].file
			at++
		}
		var line []byte
		if line, err = lines.ReadBytes('\n'); errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			_, err = to.Write(r.row(line))
		}
	}
	if err := errors.Join(err, to.Flush(), out.Close()); err != nil {
		return err
	}
	return os.Rename(f.path+".new", f.path)
}

// renaming is the state of rewriting a file.
type renaming struct {
	renamings
	details bool
	file    uint32
	entry   digest // of the previous detail
	n       int64  // number of that detail
}

// row replaces the ids of a row in place.
func (r *renaming) row(line []byte) []byte {
	if !r.details {
		r.replace(line, idAt, decodeDigest(line, idAt))
		return line
	}
	entry := decodeDigest(line, entryAt)
	r.n++
	if entry != r.entry || decodeDigest(line, idAt) != detailID(entry, r.n) {
		r.entry, r.n = entry, 1
	}
	if to, renamed := r.renamings[r.file][entry]; renamed {
		id := detailID(to, r.n)
		hex.Encode(line[idAt:], id[:])
	}
	r.replace(line, entryAt, entry)
	return line
}

func (r *renaming) replace(line []byte, at int, id digest) {
	if to, renamed := r.renamings[r.file][id]; renamed {
		hex.Encode(line[at:], to[:])
	}
}
