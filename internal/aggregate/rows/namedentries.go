// Records the entries of an import with what identifies them and their statements, until all its files are read.

package rows

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

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
)

// NamedEntry is an entry with what identifies it.
type NamedEntry struct {
	Group         identity.Digest // entries that may be the same are in one group: the base, unless the entry has a cut name
	Base, Content identity.Digest // see identity.EntryBase and identity.ContentDigest
	ID            identity.Digest // derived from the content alone
	BalanceBefore identity.Digest // digest of the balance before it, by the entries that the statement lists first; zero if unknown
	Day           string
	Listing       uint32 // number of its statement in the import
	File          uint32 // number of its file in the import
	Cut           CutName
	Listed        bool // only its statement distinguishes it from an equal entry: it has no reference of the servicer, or one that may be cut
}

// recordSize is the length of a record in the file: five digests, three days, three numbers, a form, a flag.
const recordSize = 5*16 + 3*10 + 3*4 + 2

// NameSpool is a file of the named entries of an import, with their statements.
type NameSpool struct {
	out      *os.File
	writer   *bufio.Writer
	Count    int64
	Listings []Listing
	file     uint32 // number of the current file from 1, counting refused ones
	begun    struct {
		count    int64
		listings int
	} // before the current file
}

// NewNameSpool creates the file in a folder.
func NewNameSpool(dir string) (*NameSpool, error) {
	out, err := os.Create(filepath.Join(dir, "names"))
	if err != nil {
		return nil, fmt.Errorf("spool names: %w", err)
	}
	return &NameSpool{out: out, writer: bufio.NewWriterSize(out, 1<<16)}, nil
}

func (n *NameSpool) begin() {
	n.file++
	n.begun.count, n.begun.listings = n.Count, len(n.Listings)
}

func (n *NameSpool) add(e *NamedEntry) error {
	record := make([]byte, 0, recordSize)
	for _, d := range [...]*identity.Digest{&e.Group, &e.Base, &e.Content, &e.ID, &e.BalanceBefore} {
		record = append(record, d[:]...)
	}
	for _, day := range [...]string{e.Day, e.Cut.booked, e.Cut.value} {
		record = fmt.Appendf(record, "%10s", day)
	}
	for _, number := range [...]uint32{e.Listing, n.file, uint32(e.Cut.Last)} {
		record = binary.LittleEndian.AppendUint32(record, number)
	}
	listed := byte(0)
	if e.Listed {
		listed = 1
	}
	n.Count++
	if _, err := n.writer.Write(append(record, byte(e.Cut.Form), listed)); err != nil {
		return fmt.Errorf("spool names: %w", err)
	}
	return nil
}

// undo removes what was added since begin.
func (n *NameSpool) undo() error {
	n.Count, n.Listings = n.begun.count, n.Listings[:n.begun.listings]
	err := errors.Join(n.writer.Flush(), n.out.Truncate(n.Count*recordSize))
	if _, failed := n.out.Seek(n.Count*recordSize, io.SeekStart); err != nil || failed != nil {
		return fmt.Errorf("spool names: %w", errors.Join(err, failed))
	}
	return nil
}

// maxNamed is how many entries are resolved at a time.
const maxNamed = 1 << 20

// Passes passes on all entries in portions that fit in memory; the entries of a group are in one portion.
func (n *NameSpool) Passes(each func([]NamedEntry) error) error {
	if err := n.writer.Flush(); err != nil {
		return fmt.Errorf("spool names: %w", err)
	}
	passes := uint32(n.Count/maxNamed + 1)
	for pass := range passes {
		list, err := n.read(func(group identity.Digest) bool { return binary.BigEndian.Uint32(group[:])%passes == pass })
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
func (n *NameSpool) read(wanted func(group identity.Digest) bool) (list []NamedEntry, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(n.out, 0, n.Count*recordSize), 1<<16)
	record := make([]byte, recordSize)
	for {
		if _, err := io.ReadFull(in, record); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("read spooled names: %w", err)
		}
		if wanted(identity.Digest(record[:16])) {
			list = append(list, namedIn(record))
		}
	}
}

func namedIn(record []byte) NamedEntry {
	e := NamedEntry{Group: identity.Digest(record), Base: identity.Digest(record[16:]), Content: identity.Digest(record[32:]), ID: identity.Digest(record[48:]), BalanceBefore: identity.Digest(record[64:])}
	days, numbers := record[80:110], record[110:122]
	e.Day = string(days[:10])
	e.Listing, e.File = binary.LittleEndian.Uint32(numbers), binary.LittleEndian.Uint32(numbers[4:])
	e.Listed = record[123] == 1
	if e.Cut.Form = Form(record[122]); e.Cut.Form != 0 {
		e.Cut.booked, e.Cut.value = strings.TrimSpace(string(days[10:20])), strings.TrimSpace(string(days[20:]))
		e.Cut.Last = rune(binary.LittleEndian.Uint32(numbers[8:]))
	}
	return e
}

// Close closes the file.
func (n *NameSpool) Close() error { return n.out.Close() }

// openListing is a statement that is being read and lists entries.
type openListing struct {
	number  uint32 // its number in the import
	opening string // empty if it is not known before the entries
}

// listing returns the statement that the entry belongs to: that of the currency if there is one for each.
func (t *Builder) listing(currency string) openListing {
	currency = t.ledgerCurrency(currency)
	l, open := t.listings[currency]
	if open {
		return l
	}
	if t.listings == nil {
		t.listings = map[string]openListing{}
	}
	l.number = uint32(len(t.names.Listings))
	t.names.Listings = append(t.names.Listings, Listing{})
	own := slices.DeleteFunc(slices.Clone(t.balances), func(b statement.Balance) bool { return currency != "" && b.Currency != currency })
	if b := boundsOf(own); b.booked && b.opening >= 0 {
		l.opening = own[b.opening].Amount
	}
	t.listings[currency] = l
	return l
}

// describeListing passes on what distinguishes the entries of the statement, which has ended, from those of another.
func (t *Builder) describeListing(b bounds) {
	listed, open := t.listings[t.ledgerCurrency(t.stmt.Currency)]
	if !open {
		return
	}
	l := Listing{Statement: identity.Of(t.stmt.Reference, t.stmt.Number).String(), Page: comparisonText(t.stmt.Page), First: t.entries.first, Last: t.entries.last}
	if t.stmt.Partial { // its totals may be those of all parts
		b = bounds{opening: -1, closing: -1}
	}
	if t.stmt.Partial || t.entries.text(false) != "" { // no other statement continues its balance
		l.First, l.Last = "", ""
	}
	if b.booked && b.opening >= 0 {
		l.Opening = comparisonText(statement.NormalAmount(t.balances[b.opening].Amount))
	}
	if b.booked && b.closing >= 0 && !t.entries.incremental {
		closing := &t.balances[b.closing]
		l.Closing = comparisonText(statement.NormalAmount(closing.Amount))
		if l.Last != "" && statement.IsDay(closing.Date) { // a statement that continues that balance has no entry of earlier days
			l.Last = max(l.Last, closing.Date)
		}
	}
	t.names.Listings[listed.number] = l
}

// comparisonText is a text for comparison: its digest if it is unusually long, because each statement of an import is kept in memory.
func comparisonText(text string) string {
	if len(text) <= statement.MaxValueLength {
		return text
	}
	return identity.Of(text).String()
}

// Listing is what is known of a statement that lists entries; empty if it does not state it.
type Listing struct {
	Statement, Page  string // the bank's names
	Opening, Closing string // booked balances
	First, Last      string // days of its entries; Last is the day of the closing balance if that is later
}

// IsOtherPage reports whether two listings are pages of one statement, which have no entry in common. If both move the
// balance and open or close with the same one, they are not: one of them is from another division into pages.
func (s *Listing) IsOtherPage(o *Listing) bool {
	if s.Statement != o.Statement || s.Page == "" || o.Page == "" || s.Page == o.Page {
		return false
	}
	moved := s.Opening != s.Closing && o.Opening != o.Closing
	return !moved || s.Opening != o.Opening && s.Closing != o.Closing
}

// Precedes reports whether o continues the closing balance of s on the same day. Then they have no entry in common,
// unless what lies between adds up to zero.
func (s *Listing) Precedes(o *Listing) bool {
	return s.Closing != "" && s.Closing == o.Opening && s.Opening != s.Closing && s.Last != "" && s.Last == o.First
}
