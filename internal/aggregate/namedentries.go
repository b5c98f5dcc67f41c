// Records the entries of an import with what identifies them, until all its files are read.

package aggregate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// namedEntry is an entry with what identifies it.
type namedEntry struct {
	group         digest // entries that may be the same are in one group: the base, unless the entry has a cut name
	base, content digest // see entryBase and contentDigest
	id            digest // derived from the content alone
	balanceBefore digest // digest of the balance before it, by the entries that the statement lists first; zero if unknown
	day           string
	listing       uint32 // number of its statement in the import
	file          uint32 // number of its file in the import
	cut           cutName
	listed        bool // only its statement distinguishes it from an equal entry: it has no reference of the servicer, or one that may be cut
}

// listing is what is known of a statement that lists entries; empty if it does not state it.
type listing struct {
	Statement, Page  string // the bank's names
	Opening, Closing string // booked balances
	First, Last      string // days of its entries; Last is the day of the closing balance if that is later
}

// isOtherPage reports whether two listings are pages of one statement, which have no entry in common. If both move the
// balance and open or close with the same one, they are not: one of them is from another division into pages.
func (s *listing) isOtherPage(o *listing) bool {
	if s.Statement != o.Statement || s.Page == "" || o.Page == "" || s.Page == o.Page {
		return false
	}
	moved := s.Opening != s.Closing && o.Opening != o.Closing
	return !moved || s.Opening != o.Opening && s.Closing != o.Closing
}

// precedes reports whether o continues the closing balance of s on the same day. Then they have no entry in common,
// unless what lies between adds up to zero.
func (s *listing) precedes(o *listing) bool {
	return s.Closing != "" && s.Closing == o.Opening && s.Opening != s.Closing && s.Last != "" && s.Last == o.First
}

// recordSize is the length of a record in the file: five digests, three days, three numbers, a form, a flag.
const recordSize = 5*16 + 3*10 + 3*4 + 2

// nameSpool is a file of the named entries of an import, with their statements.
type nameSpool struct {
	out      *os.File
	writer   *bufio.Writer
	count    int64
	listings []listing
	file     uint32 // number of the current file from 1, counting refused ones
	begun    struct {
		count    int64
		listings int
	} // before the current file
}

func newNameSpool(dir string) (*nameSpool, error) {
	out, err := os.Create(filepath.Join(dir, "names"))
	if err != nil {
		return nil, fmt.Errorf("spool names: %w", err)
	}
	return &nameSpool{out: out, writer: bufio.NewWriterSize(out, 1<<16)}, nil
}

func (n *nameSpool) begin() {
	n.file++
	n.begun.count, n.begun.listings = n.count, len(n.listings)
}

// add writes an entry.
func (n *nameSpool) add(e *namedEntry) error {
	record := make([]byte, 0, recordSize)
	for _, d := range [...]*digest{&e.group, &e.base, &e.content, &e.id, &e.balanceBefore} {
		record = append(record, d[:]...)
	}
	for _, day := range [...]string{e.day, e.cut.booked, e.cut.value} {
		record = fmt.Appendf(record, "%10s", day)
	}
	for _, number := range [...]uint32{e.listing, n.file, uint32(e.cut.last)} {
		record = binary.LittleEndian.AppendUint32(record, number)
	}
	listed := byte(0)
	if e.listed {
		listed = 1
	}
	n.count++
	if _, err := n.writer.Write(append(record, byte(e.cut.form), listed)); err != nil {
		return fmt.Errorf("spool names: %w", err)
	}
	return nil
}

// undo removes what was added since begin.
func (n *nameSpool) undo() error {
	n.count, n.listings = n.begun.count, n.listings[:n.begun.listings]
	err := errors.Join(n.writer.Flush(), n.out.Truncate(n.count*recordSize))
	if _, failed := n.out.Seek(n.count*recordSize, io.SeekStart); err != nil || failed != nil {
		return fmt.Errorf("spool names: %w", errors.Join(err, failed))
	}
	return nil
}

// maxNamed is how many entries are resolved at a time.
const maxNamed = 1 << 20

// passes passes on all entries in portions that fit in memory; the entries of a group are in one portion.
func (n *nameSpool) passes(each func([]namedEntry) error) error {
	if err := n.writer.Flush(); err != nil {
		return fmt.Errorf("spool names: %w", err)
	}
	passes := uint32(n.count/maxNamed + 1)
	for pass := range passes {
		list, err := n.read(func(group digest) bool { return binary.BigEndian.Uint32(group[:])%passes == pass })
		if err == nil && len(list) > 0 {
			err = each(list)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read returns the entries of the wanted groups, in the order in which they were added.
func (n *nameSpool) read(wanted func(group digest) bool) (list []namedEntry, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(n.out, 0, n.count*recordSize), 1<<16)
	record := make([]byte, recordSize)
	for {
		if _, err := io.ReadFull(in, record); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("read spooled names: %w", err)
		}
		if wanted(digest(record[:16])) {
			list = append(list, namedIn(record))
		}
	}
}

// namedIn decodes a record.
func namedIn(record []byte) namedEntry {
	e := namedEntry{group: digest(record), base: digest(record[16:]), content: digest(record[32:]), id: digest(record[48:]), balanceBefore: digest(record[64:])}
	days, numbers := record[80:110], record[110:122]
	e.day = string(days[:10])
	e.listing, e.file = binary.LittleEndian.Uint32(numbers), binary.LittleEndian.Uint32(numbers[4:])
	e.listed = record[123] == 1
	if e.cut.form = form(record[122]); e.cut.form != 0 {
		e.cut.booked, e.cut.value = strings.TrimSpace(string(days[10:20])), strings.TrimSpace(string(days[20:]))
		e.cut.last = rune(binary.LittleEndian.Uint32(numbers[8:]))
	}
	return e
}

func (n *nameSpool) close() error { return n.out.Close() }
