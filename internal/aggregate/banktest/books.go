// Package banktest plays banks for tests: seeded ledgers of one account, and the statement files that tell of them, in every format. It owns the
// ledger as the truth and the files as they are written. It knows nothing of how they are imported.
package banktest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// Books are the truth: what one account moves by each day, and the files that tell of it.
type Books struct {
	*rand.Rand
	Format     string // camt, mt, ofx or csv
	References bool   // entries have names
	Long       bool   // of more characters than MT940 has room for; files are CAMT and MT940, which cuts them
	Marked     bool   // where it cuts them, the last character is a mark
	Temporary  bool   // FITIDs, as the institution declares
	Numbered   bool   // statements follow each other and have numbers; else they overlap as somebody asks for them
	Days       [][]Line
	Opening    int64
	Files      []Export
}

// Line is an entry of the ledger.
type Line struct {
	day, n    int // the n-th of a day, both from 1
	cents     int64
	reference string
	text      string
}

// Export is one file, as it is written.
type Export struct {
	From, To         int // days
	number           int
	lines            []Line // the oldest first
	opening, closing int64
	newestFirst      bool
	short            bool   // amounts have no more digits than they need
	page             int    // lines of the first page; 0 is one page
	message          string // "" is a statement; report or notification
	name             string
	format           string // as the bank's, or of a bank of long references another one
	Fault            string // what is wrong with it: "", "cut", "changed", or "booked": it holds, and the next one does not go on with it
}

// Days is how many days a bank plays.
const Days = 8

// New plays the bank of a seed.
func New(seed int) *Books {
	b := &Books{Rand: rand.New(rand.NewPCG(uint64(seed), 11))}
	b.Format = []string{"camt", "mt", "ofx", "csv"}[seed%4]
	b.References, b.Numbered = b.IntN(2) == 0 || b.Format == "ofx", b.IntN(2) == 0 && b.Format != "ofx" && b.Format != "csv"
	b.Temporary = b.Format == "ofx" && b.IntN(2) == 0
	b.Long = b.References && (b.Format == "camt" || b.Format == "mt") && seed%8 > 3
	return b.fill(seed)
}

// NewLong plays one whose references MT940 cuts.
func NewLong(seed int) *Books {
	b := &Books{Rand: rand.New(rand.NewPCG(uint64(seed), 19)), Format: "camt", References: true, Long: true}
	b.Numbered = b.IntN(2) == 0
	return b.fill(seed)
}

// fill has the bank's books and its files.
func (b *Books) fill(seed int) *Books {
	formats := rand.New(rand.NewPCG(uint64(seed), 13))
	b.Marked = formats.IntN(2) == 0
	b.Opening = int64(b.IntN(100_00))
	for day := 1; day <= Days; day++ {
		alike := formats.IntN(2) == 0
		var lines []Line
		entries := b.IntN(4)
		if b.Long { // MT940 does not say on which day it begins if that one has none
			entries = max(entries, 1)
		}
		for range entries {
			l := Line{day: day, n: len(lines) + 1, cents: int64(b.IntN(4)*250 - 500), text: []string{"rent", "tea"}[b.IntN(2)]}
			if l.cents == 0 {
				l.cents = 30
			}
			if b.Long { // no day ends with the balance that it began with: where one does, pages and the whole statement are not told apart
				l.cents = abs(l.cents)
			}
			if b.References {
				l.reference = b.reference(day, len(lines), alike)
			}
			lines = append(lines, l)
		}
		b.Days = append(b.Days, lines)
	}
	b.send()
	for i := range b.Files {
		if b.Files[i].format = b.Format; b.Long {
			b.Files[i].format = []string{"camt", "mt"}[formats.IntN(2)]
		}
	}
	return b
}

// roomOfMT is how many characters a bank's reference has in MT940.
const roomOfMT = 16

// reference names the n-th entry of a day. Alike are long ones of which MT940 has the same of all entries of the day.
func (b *Books) reference(day, n int, alike bool) string {
	switch {
	case b.Long && alike:
		return fmt.Sprintf("REFERENCES OF %02d%d", day, n)
	case b.Long:
		return fmt.Sprintf("R%dX%d AND MUCH BEHIND IT", day, n)
	}
	return fmt.Sprintf("R%dX%d", day, n)
}

// cut is a reference as MT940 has it.
func (b *Books) cut(reference string) string {
	switch {
	case len(reference) <= roomOfMT:
		return reference
	case b.Marked:
		return reference[:roomOfMT-1] + "+"
	}
	return reference[:roomOfMT]
}

// send writes files over all days, some with a fault that a later one does not have, and some again in other words.
func (b *Books) send() {
	number := 0
	for from := 1; from <= Days; {
		to := min(from+b.IntN(4), Days)
		number++
		whole := b.export(from, to, number)
		if faulty, ok := b.spoiled(whole); ok && b.IntN(3) == 0 {
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

// export tells of days, in a style of its own.
func (b *Books) export(from, to, number int) Export {
	e := Export{
		From: from, To: to, opening: b.balance(from), closing: b.balance(to + 1),
		newestFirst: b.IntN(2) == 0, short: b.IntN(2) == 0, name: fmt.Sprintf("M%09d", b.IntN(1_000_000_000)),
	}
	for _, lines := range b.Days[from-1 : to] {
		e.lines = append(e.lines, lines...)
	}
	if b.Numbered {
		e.number = number
	}
	if n := len(e.lines); n > 1 && b.Numbered && b.IntN(2) == 0 {
		e.page = 1 + b.IntN(n-1)
	}
	return e
}

// balance is what the account has when a day begins.
func (b *Books) balance(day int) int64 {
	sum := b.Opening
	for _, lines := range b.Days[:day-1] {
		for _, l := range lines {
			sum += l.cents
		}
	}
	return sum
}

// spoiled is an export with a fault that its balances show: it lacks its last entries, or one has another amount; or those of the next one, as its
// own closing balance has that amount, too. Formats without balances are never spoiled, as nothing could show it.
func (b *Books) spoiled(e Export) (Export, bool) {
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

// Ledger is what the bank has booked in days, sorted as text.
func (b *Books) Ledger(from, to int) (rows []string) {
	for _, lines := range b.Days[from-1 : to] {
		for _, l := range lines {
			rows = append(rows, b.row(l))
		}
	}
	slices.Sort(rows)
	return rows
}

// Listed is what files list of the ledger, sorted as text: what the one that lacks nothing says, and of a faulty one what it says itself, unless it is
// replaced.
func (b *Books) Listed(files []Export) (rows []string) {
	type at struct {
		day, n  int
		changed bool
	}
	listed := map[at]string{}
	for _, f := range files {
		if f.replaced(files) || f.message != "" {
			continue
		}
		for _, l := range f.lines {
			changed := l.cents != b.Days[l.day-1][l.n-1].cents
			listed[at{l.day, l.n, changed}] = b.row(l)
		}
	}
	return slices.Sorted(maps.Values(listed))
}

// replaced reports whether files have the whole one of the days of a faulty one, and, of one that holds, the next one.
func (e *Export) replaced(files []Export) bool {
	whole, next := false, false
	for _, f := range files {
		whole = whole || f.Fault == "" && f.From == e.From && f.To == e.To
		next = next || f.From == e.To+1 && f.holds()
	}
	return e.Fault != "" && whole && (next || !e.holds())
}

// holds reports whether the balances of the file are those of its entries.
func (e *Export) holds() bool { return e.Fault == "" || e.Fault == "booked" }

// Missing are the days of which files do not list all entries. What a file says otherwise with balances that hold is not missing by it.
func (b *Books) Missing(files []Export) (days []string) {
	listed := b.Listed(files)
	for n, lines := range b.Days {
		left := slices.Clone(listed)
		for _, l := range lines {
			at := slices.Index(left, b.row(l))
			if at < 0 && bookedOtherwise(files, l) {
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

func bookedOtherwise(files []Export, l Line) bool {
	return slices.ContainsFunc(files, func(f Export) bool {
		return f.Fault == "booked" && slices.ContainsFunc(f.lines, func(o Line) bool { return o.day == l.day && o.n == l.n && o.cents != l.cents })
	})
}

// row is an entry as text. Of what is told in two formats, references and texts are those of the file that came first.
func (b *Books) row(l Line) string {
	if b.Temporary || b.Long {
		l.reference = ""
	}
	if b.Long {
		l.text = ""
	}
	return fmt.Sprintf("%s %s000 %s %s", day(l.day), signed(l.cents), l.reference, l.text)
}

func signed(n int64) string {
	if n < 0 {
		return "-" + cents(n)
	}
	return cents(n)
}

// Describe lists files by their days and faults.
func Describe(files []Export) string {
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = strings.TrimSpace(fmt.Sprintf("%d-%d %s %s", f.From, f.To, f.format, f.Fault))
	}
	return strings.Join(list, ", ")
}
