// Package banktest simulates banks for tests: seeded ledgers of one account, and statement files of them in every
// format. It owns the ledger as the expected result, and writes the files. It knows nothing of how they are imported.
package banktest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Books are the expected result: the entries of one account by day, and the files that report them.
type Books struct {
	*rand.Rand
	Format     string // camt, mt, ofx or csv
	References bool   // entries have references
	Long       bool   // references are longer than MT940 allows; the files are CAMT, and MT940 with truncated references
	CutMark    bool   // a truncated reference ends in a mark
	Temporary  bool   // the institution declares FITIDs as temporary
	Numbered   bool   // statements are numbered and follow one another; otherwise they overlap, as exports on request do
	Days       [][]Line
	Opening    int64
	Files      []Export
}

// Line is an entry of the ledger.
type Line struct {
	day, n    int // day and number within the day, both from 1
	cents     int64
	reference string
	text      string
}

// Export is one statement file.
type Export struct {
	From, To         int // first and last day
	number           int
	lines            []Line // oldest first
	opening, closing int64
	newestFirst      bool
	short            bool   // amounts have no trailing zeros
	page             int    // number of lines on the first page; 0 means one page
	message          string // "" is a statement; else "report" or "notification"
	name             string
	format           string // the bank's format; with long references camt or mt
	Fault            string // "", "cut", "changed", or "booked" (consistent, but the next export does not continue it)
}

// Days is the number of days of a ledger.
const Days = 8

// New generates the books of a seed.
func New(seed int) *Books {
	b := &Books{Rand: rand.New(rand.NewPCG(uint64(seed), 11))}
	b.Format = []string{"camt", "mt", "ofx", "csv"}[seed%4]
	b.References, b.Numbered = b.IntN(2) == 0 || b.Format == "ofx", b.IntN(2) == 0 && b.Format != "ofx" && b.Format != "csv"
	b.Temporary = b.Format == "ofx" && b.IntN(2) == 0
	b.Long = b.References && (b.Format == "camt" || b.Format == "mt") && seed%8 > 3
	return b.generate(seed)
}

// NewLong generates books whose references are too long for MT940.
func NewLong(seed int) *Books {
	b := &Books{Rand: rand.New(rand.NewPCG(uint64(seed), 19)), Format: "camt", References: true, Long: true}
	b.Numbered = b.IntN(2) == 0
	return b.generate(seed)
}

func (b *Books) generate(seed int) *Books {
	formats := rand.New(rand.NewPCG(uint64(seed), 13))
	b.CutMark = formats.IntN(2) == 0
	b.Opening = int64(b.IntN(100_00))
	for day := 1; day <= Days; day++ {
		sameStart := formats.IntN(2) == 0
		var lines []Line
		entries := b.IntN(4)
		if b.Long { // MT940 does not state its first day if that day has no entries
			entries = max(entries, 1)
		}
		for range entries {
			l := Line{day: day, n: len(lines) + 1, cents: int64(b.IntN(4)*250 - 500), text: []string{"rent", "tea"}[b.IntN(2)]}
			if l.cents == 0 {
				l.cents = 30
			}
			if b.Long { // no day ends with its opening balance, because pages and the whole statement could not be distinguished then
				l.cents = abs(l.cents)
			}
			if b.References {
				l.reference = b.reference(day, len(lines), sameStart)
			}
			lines = append(lines, l)
		}
		b.Days = append(b.Days, lines)
	}
	b.writeFiles()
	for i := range b.Files {
		if b.Files[i].format = b.Format; b.Long {
			b.Files[i].format = []string{"camt", "mt"}[formats.IntN(2)]
		}
	}
	return b
}

const mtReferenceLength = 16

// reference returns the reference of the n-th entry of a day. With sameStart, MT940 truncates all references of a day
// to the same text.
func (b *Books) reference(day, n int, sameStart bool) string {
	switch {
	case b.Long && sameStart:
		return fmt.Sprintf("REFERENCES OF %02d%d", day, n)
	case b.Long:
		return fmt.Sprintf("R%dX%d AND MUCH BEHIND IT", day, n)
	}
	return fmt.Sprintf("R%dX%d", day, n)
}

func (b *Books) truncateReference(reference string) string {
	switch {
	case len(reference) <= mtReferenceLength:
		return reference
	case b.CutMark:
		return reference[:mtReferenceLength-1] + "+"
	}
	return reference[:mtReferenceLength]
}

// writeFiles generates files for all days. Some have a fault that a later file corrects, and some days are exported
// twice.
func (b *Books) writeFiles() {
	number := 0
	for from := 1; from <= Days; {
		to := min(from+b.IntN(4), Days)
		number++
		whole := b.export(from, to, number)
		if faulty, ok := b.withFault(whole); ok && b.IntN(3) == 0 {
			b.Files = append(b.Files, faulty)
		}
		b.Files = append(b.Files, whole)
		if b.IntN(3) == 0 {
			b.Files = append(b.Files, b.export(from, to, number))
		}
		from = to + 1
		if !b.Numbered {
			from -= b.IntN(to - whole.From + 1)
		}
	}
}

// export generates the file of some days, in a random style.
func (b *Books) export(from, to, number int) Export {
	e := Export{
		From: from, To: to, opening: b.balance(from), closing: b.balance(to + 1),
		newestFirst: b.IntN(2) == 0, short: b.IntN(2) == 0, name: fmt.Sprintf("M%09d", b.IntN(1_000_000_000)),
	}
	e.lines = slices.Concat(b.Days[from-1 : to]...)
	if b.Numbered {
		e.number = number
	}
	if n := len(e.lines); n > 1 && b.Numbered && b.IntN(2) == 0 {
		e.page = 1 + b.IntN(n-1)
	}
	return e
}

// balance is the account's balance at the start of a day.
func (b *Books) balance(day int) int64 {
	sum := b.Opening
	for _, lines := range b.Days[:day-1] {
		for _, l := range lines {
			sum += l.cents
		}
	}
	return sum
}

// withFault adds a fault that the balances reveal: the last entries are missing, or an amount is wrong. The fault
// "booked" also changes the closing balance, so that only the next file reveals it. Formats without two balances get
// no fault, because nothing would reveal it.
func (b *Books) withFault(e Export) (Export, bool) {
	if b.Format != "camt" && b.Format != "mt" || len(e.lines) == 0 {
		return e, false
	}
	e.lines, e.page = slices.Clone(e.lines), 0
	if b.IntN(2) == 0 {
		e.Fault, e.lines = "cut", e.lines[:b.IntN(len(e.lines))]
		return e, true
	}
	e.Fault = "changed"
	e.lines[b.IntN(len(e.lines))].cents += 7
	if b.Numbered && e.To < Days && b.IntN(2) == 0 {
		e.Fault = "booked"
		e.closing += 7
	}
	return e, true
}

// Ledger lists the entries of some days, sorted as text.
func (b *Books) Ledger(from, to int) (rows []string) {
	for _, lines := range b.Days[from-1 : to] {
		for _, l := range lines {
			rows = append(rows, b.line(l))
		}
	}
	slices.Sort(rows)
	return rows
}

// Listed lists the entries that files contain, sorted as text. A faulty file counts with its own content, unless it
// is replaced.
func (b *Books) Listed(files []Export) (rows []string) {
	type entryKey struct {
		day, n  int
		changed bool
	}
	listed := map[entryKey]string{}
	for _, f := range files {
		if f.replaced(files) || f.message != "" {
			continue
		}
		for _, l := range f.lines {
			changed := l.cents != b.Days[l.day-1][l.n-1].cents
			listed[entryKey{l.day, l.n, changed}] = b.line(l)
		}
	}
	return slices.Sorted(maps.Values(listed))
}

// replaced reports whether the files contain the correct file for the days of a faulty one. A consistent one also
// needs the next file, which contradicts it.
func (e *Export) replaced(files []Export) bool {
	whole, next := false, false
	for _, f := range files {
		whole = whole || f.Fault == "" && f.From == e.From && f.To == e.To
		next = next || f.From == e.To+1 && f.consistent()
	}
	return e.Fault != "" && whole && (next || !e.consistent())
}

// consistent reports whether the file's balances match its entries.
func (e *Export) consistent() bool { return e.Fault == "" || e.Fault == "booked" }

// Missing lists the days whose entries are not all in the files. An entry with another amount in a consistent file is
// not missing.
func (b *Books) Missing(files []Export) (days []string) {
	listed := b.Listed(files)
	for n, lines := range b.Days {
		left := slices.Clone(listed)
		for _, l := range lines {
			at := slices.Index(left, b.line(l))
			if at < 0 && bookedWithOtherAmount(files, l) {
				continue
			}
			if at < 0 {
				days = append(days, day(n+1))
				break
			}
			left = slices.Delete(left, at, at+1)
		}
	}
	return days
}

func bookedWithOtherAmount(files []Export, l Line) bool {
	return slices.ContainsFunc(files, func(f Export) bool {
		return f.Fault == "booked" && slices.ContainsFunc(f.lines, func(o Line) bool { return o.day == l.day && o.n == l.n && o.cents != l.cents })
	})
}

// line is an entry as text. Of entries in two formats, the references and texts are those of the first file and are
// left out.
func (b *Books) line(l Line) string {
	if b.Temporary || b.Long {
		l.reference = ""
	}
	if b.Long {
		l.text = ""
	}
	return fmt.Sprintf("%s %s000 %s %s", day(l.day), signed(l.cents), l.reference, l.text)
}

func signed(n int64) string { return sign(n) + cents(n) }

// Describe lists files with their days and faults.
func Describe(files []Export) string {
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = strings.TrimSpace(fmt.Sprintf("%d-%d %s %s", f.From, f.To, f.format, f.Fault))
	}
	return strings.Join(list, ", ")
}
