// What entries are called, and how an import remembers it until its files are read.

package aggregate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// namedEntry is an entry as its statement names it.
type namedEntry struct {
	group         digest // entries of which one may be another: its base, unless it has a cut name
	base, content digest // what names it, and all that it says
	id            digest // by these alone
	balanceBefore digest // of the balance before it, by the entries that the statement lists before; zero if it is not known
	day           string
	listing       uint32 // the statement, of those of the import
	file          uint32 // of those of the import
	cut           cutName
	listed        bool // only its statement tells it from another that says the same: it has no reference of the servicer's, or one that may be cut
}

// listing is what is known of a statement that lists entries; empty where it does not say.
type listing struct {
	Statement, Page  string // what the bank calls it
	Opening, Closing string // booked balances
	First, Last      string // days of its entries; Last is that of the closing balance where it is later
}

// isOtherPage reports whether two are pages of one statement, which list no entry in common. Where both move the balance and open, or
// close, with the same one, they are not: one of them is the statement as it was cut another time.
func (s *listing) isOtherPage(o *listing) bool {
	if s.Statement != o.Statement || s.Page == "" || o.Page == "" || s.Page == o.Page {
		return false
	}
	moved := s.Opening != s.Closing && o.Opening != o.Closing
	return !moved || s.Opening != o.Opening && s.Closing != o.Closing
}

// precedes reports whether another statement goes on with the balance that this one ends with, on the same day. They list no
// entry in common then, unless what lies between sums up to nothing.
func (s *listing) precedes(o *listing) bool {
	return s.Closing != "" && s.Closing == o.Opening && s.Opening != s.Closing && s.Last != "" && s.Last == o.First
}

// distinguishes reports whether the statement keeps an entry of a day apart from those of others: it is a page, or another may go on with its balance
// on that day. No slot of the entry says so yet.
func (s *listing) distinguishes(day string, slots []slot) bool {
	edge := s.Opening != s.Closing && (day == s.First || day == s.Last)
	return (s.Page != "" || edge) && !slices.ContainsFunc(slots, func(o slot) bool {
		l := o.listing
		if s.Page == "" {
			l.Statement, l.Page = s.Statement, ""
		}
		return l == *s
	})
}

// recordSize is the length of a named entry in the file: five digests, three days, three numbers, a form, a flag.
const recordSize = 5*16 + 3*10 + 3*4 + 2

// nameSpool are the named entries of an import, in a file, and their statements.
type nameSpool struct {
	out      *os.File
	writer   *bufio.Writer
	count    int64
	listings []listing
	file     uint32 // the file at hand, counted from 1, refused ones too
	begun    struct {
		count    int64
		listings int
	} // before the file at hand
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

// undo takes back what was added since begin.
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

// passes hands on all entries, as many at a time as memory holds, those of one group together.
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

// read is those entries whose group is wanted, in the order in which they were added.
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

// namedIn is the entry that a record has.
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
