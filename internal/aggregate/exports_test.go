// Banks of one account, whose files overlap, are cut, corrected and sent again: whatever the order in which they are imported, the
// entries are those of the bank's own ledger, and nothing is proven that the files leave out.

package aggregate

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestExports plays banks of so many seeds, each in so many orders; SEED=n replays one.
func TestExports(t *testing.T) {
	t.Parallel()
	playExports(t, 1, 8, 2)
}

// TestSoakExports plays as many further banks as SEEDS says.
func TestSoakExports(t *testing.T) {
	t.Parallel()
	seeds, err := strconv.Atoi(os.Getenv("SEEDS"))
	if err != nil {
		t.Skip("SEEDS is not set: it says how many banks are tried")
	}
	playExports(t, 1001, seeds, 5)
}

func playExports(t *testing.T, first, seeds, orders int) {
	t.Helper()
	eachSeed(t, first, seeds, func(t *testing.T, seed int) { newBooks(seed).play(t, orders) })
}

// books are the truth: what one account moves by each day, and the files that tell of it.
type books struct {
	*rand.Rand
	format     string // camt, mt, ofx or csv
	references bool   // entries have names
	temporary  bool   // FITIDs, as the institution declares
	numbered   bool   // statements follow each other and have numbers; else they overlap as somebody asks for them
	days       [][]line
	opening    int64
	files      []export
}

// line is an entry of the ledger.
type line struct {
	day       int // from 1
	cents     int64
	reference string
	text      string
}

// export is one file, as it is written.
type export struct {
	from, to         int // days
	number           int
	lines            []line // the oldest first
	opening, closing int64
	newestFirst      bool
	short            bool // amounts have no more digits than they need
	page             int  // lines of the first page; 0 is one page
	name             string
	fault            string // what is wrong with it: "", "cut" or "changed"
}

const bookDays = 8

func newBooks(seed int) *books {
	b := &books{Rand: rand.New(rand.NewPCG(uint64(seed), 11))}
	b.format = []string{"camt", "mt", "ofx", "csv"}[seed%4]
	b.references, b.numbered = b.IntN(2) == 0 || b.format == "ofx", b.IntN(2) == 0 && b.format != "ofx" && b.format != "csv"
	b.temporary = b.format == "ofx" && b.IntN(2) == 0
	b.opening = int64(b.IntN(100_00))
	for day := 1; day <= bookDays; day++ {
		var lines []line
		for range b.IntN(4) {
			l := line{day: day, cents: int64(b.IntN(4)*250 - 500), text: []string{"rent", "tea"}[b.IntN(2)]}
			if l.cents == 0 {
				l.cents = 30
			}
			if b.references {
				l.reference = fmt.Sprintf("R%dX%d", day, len(lines))
			}
			lines = append(lines, l)
		}
		b.days = append(b.days, lines)
	}
	b.send()
	return b
}

// send writes files over all days, some with a fault that a later one does not have, and some again in other words.
func (b *books) send() {
	number := 0
	for from := 1; from <= bookDays; {
		to := min(from+b.IntN(4), bookDays)
		number++
		whole := b.export(from, to, number)
		if faulty, ok := b.spoiled(whole); ok && b.IntN(3) == 0 {
			b.files = append(b.files, faulty)
		}
		b.files = append(b.files, whole)
		if b.IntN(3) == 0 {
			b.files = append(b.files, b.export(from, to, number))
		}
		from = to + 1
		if !b.numbered {
			from -= b.IntN(to - whole.from + 1)
		}
	}
}

// export tells of days, in a style of its own.
func (b *books) export(from, to, number int) export {
	e := export{
		from: from, to: to, opening: b.balance(from), closing: b.balance(to + 1),
		newestFirst: b.IntN(2) == 0, short: b.IntN(2) == 0, name: fmt.Sprintf("M%09d", b.IntN(1_000_000_000)),
	}
	for _, lines := range b.days[from-1 : to] {
		e.lines = append(e.lines, lines...)
	}
	if b.numbered {
		e.number = number
	}
	if n := len(e.lines); n > 1 && b.numbered && b.IntN(2) == 0 {
		e.page = 1 + b.IntN(n-1)
	}
	return e
}

// balance is what the account has when a day begins.
func (b *books) balance(day int) int64 {
	sum := b.opening
	for _, lines := range b.days[:day-1] {
		for _, l := range lines {
			sum += l.cents
		}
	}
	return sum
}

// spoiled is an export with a fault that its balances show: it lacks its last entries, or one has another amount. Formats without
// balances are never spoiled, as nothing could show it.
func (b *books) spoiled(e export) (export, bool) {
	if b.format != "camt" && b.format != "mt" || len(e.lines) == 0 {
		return e, false
	}
	e.lines, e.page = slices.Clone(e.lines), 0
	if b.IntN(2) == 0 {
		e.fault, e.lines = "cut", e.lines[:b.IntN(len(e.lines))]
		return e, true
	}
	e.fault = "changed"
	e.lines[b.IntN(len(e.lines))].cents += 7
	return e, true
}

// play imports the files in several orders, each into stores of its own.
func (b *books) play(t *testing.T, orders int) {
	t.Helper()
	stored, verdicts := "", ""
	for n := range orders {
		files := slices.Clone(b.files)
		switch n {
		case 0:
		case 1:
			slices.Reverse(files)
		default:
			b.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		}
		h := newHouse(t, "")
		h.file("project/institutions/bank.yaml", b.institution())
		h.importer.Project = h.read()
		for rest := files; len(rest) > 0; {
			some := min(len(rest), 1+b.IntN(3))
			h.sendNamed(b.suffix(), b.texts(rest[:some])...)
			rest = rest[some:]
		}
		entries, judged := h.movements(), b.verdicts(h)
		if want := b.ledger(1, bookDays); !slices.Equal(entries, want) {
			t.Fatalf("order %s: the entries are\n%s\nwant\n%s\n%s\n%s", describe(files), strings.Join(entries, "\n"), strings.Join(want, "\n"), judged, h.inQuarantine())
		}
		if n := h.quarantined(); n > 0 && !slices.ContainsFunc(files, func(e export) bool { return e.fault != "" }) {
			t.Fatalf("order %s: in quarantine are\n%s", describe(files), h.inQuarantine())
		}
		if n > 0 && (strings.Join(entries, "\n") != stored || judged != verdicts) {
			t.Fatalf("order %s: verdicts\n%s\nand in the first order\n%s", describe(files), judged, verdicts)
		}
		stored, verdicts = strings.Join(entries, "\n"), judged
		if b.format == "camt" || b.format == "mt" {
			b.checkBroken(t, h)
		}
	}
}

// checkBroken expects every faulty file to be superseded by the whole one of the same days.
func (b *books) checkBroken(t *testing.T, h *house) {
	t.Helper()
	for _, a := range h.judged("") {
		for _, i := range a.Intervals {
			if i.State == Broken {
				t.Errorf("%s %s–%s stays BROKEN though the whole file is there: %+v\n%s", a.Account, i.From, i.To, i, describe(b.files))
			}
		}
	}
}

// verdicts are all intervals, in an order of their own.
func (b *books) verdicts(h *house) string {
	var all []Interval
	for _, a := range h.judged("") {
		all = append(all, a.Intervals...)
	}
	return sorted(all)
}

// ledger is what the bank has booked in days, sorted as text.
func (b *books) ledger(from, to int) (rows []string) {
	for _, lines := range b.days[from-1 : to] {
		for _, l := range lines {
			if b.temporary {
				l.reference = ""
			}
			rows = append(rows, fmt.Sprintf("%s %s000 %s %s", day(l.day), signed(l.cents), l.reference, l.text))
		}
	}
	slices.Sort(rows)
	return rows
}

func signed(n int64) string {
	if n < 0 {
		return "-" + cents(n)
	}
	return cents(n)
}

func describe(files []export) string {
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = strings.TrimSpace(fmt.Sprintf("%d-%d %s", f.from, f.to, f.fault))
	}
	return strings.Join(list, ", ")
}
