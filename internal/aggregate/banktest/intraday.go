// Generates banks that send several statements of a day, and intraday reports; and runs a test for many seeds.

package banktest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// Day is the expected result for one day.
type Day struct {
	Day                    string
	Opening, Moved, Closed string
	Entries                int
	Reported               bool // a notification lists all entries, too
}

// NewIntraday generates a bank that sends several statements of each day: consecutive ones, an early one and a full
// one, or the same one twice. In CAMT it also sends reports of the entries so far, or since the last report.
func NewIntraday(seed int) *Books {
	b := &Books{Rand: rand.New(rand.NewPCG(uint64(seed), 17))}
	b.Format, b.References = []string{"camt", "mt"}[seed%2], b.IntN(2) == 0
	b.Opening = int64(b.IntN(100_00))
	for day := 1; day <= Days; day++ {
		var lines []Line
		for n := range b.IntN(5) {
			l := Line{day: day, n: n + 1, cents: int64(100*(n+1) + b.IntN(99)), text: fmt.Sprint("payment ", n)}
			if b.IntN(2) == 0 {
				l.cents = -l.cents
			}
			if n == 1 && b.IntN(3) == 0 { // the balance returns to its earlier value
				l.cents = -lines[0].cents
			}
			if b.References {
				l.reference = fmt.Sprintf("R%dX%d", day, n)
			}
			lines = append(lines, l)
		}
		b.Days = append(b.Days, lines)
		b.Files = append(b.Files, b.statementsOfDay(day)...)
		if b.Format == "camt" {
			b.Files = append(b.Files, b.reportsOfDay(day)...)
		}
	}
	return b
}

// partOfDay is a statement of some of a day's entries.
func (b *Books) partOfDay(message string, day, from, to int) Export {
	e := b.export(day, day, 0)
	e.format, e.message = b.Format, message
	for _, l := range e.lines[:from] {
		e.opening += l.cents
	}
	for _, l := range e.lines[to:] {
		e.closing -= l.cents
	}
	e.lines = slices.Clone(e.lines[from:to])
	return e
}

func (b *Books) statementsOfDay(day int) (files []Export) {
	all := len(b.Days[day-1])
	if all == 0 {
		return []Export{b.partOfDay("", day, 0, 0)}
	}
	split := b.IntN(all)
	switch b.IntN(4) {
	case 0:
		return []Export{b.partOfDay("", day, 0, all)}
	case 1:
		return []Export{b.partOfDay("", day, 0, all), b.partOfDay("", day, 0, all)}
	case 2: // early
		return []Export{b.partOfDay("", day, 0, split), b.partOfDay("", day, 0, all)}
	}
	if split == 0 {
		split = all
	}
	files = append(files, b.partOfDay("", day, 0, split))
	if split < all {
		files = append(files, b.partOfDay("", day, split, all))
	}
	return files
}

// reportsOfDay generates the reports of a day, the last one up to its end, and a notification of its entries.
func (b *Books) reportsOfDay(day int) (files []Export) {
	all := len(b.Days[day-1])
	if all == 0 || b.IntN(3) == 0 {
		return nil
	}
	split, since := b.IntN(all), b.IntN(2) == 0
	if split > 0 {
		files = append(files, b.partOfDay("report", day, 0, split))
	}
	last := b.partOfDay("report", day, 0, all)
	if since {
		last = b.partOfDay("report", day, split, all)
	}
	files = append(files, last)
	if b.References {
		files = append(files, b.partOfDay("notification", day, 0, all))
	}
	return files
}

// Expected returns the expected result for each day.
func (b *Books) Expected() (days []Day) {
	for n, lines := range b.Days {
		d := Day{Day: day(n + 1), Opening: signed(b.balance(n+1)) + "000", Closed: signed(b.balance(n+2)) + "000", Entries: len(lines)}
		d.Moved = signed(b.balance(n+2)-b.balance(n+1)) + "000"
		d.Reported = slices.ContainsFunc(b.Files, func(f Export) bool { return f.message == "notification" && f.From == n+1 })
		days = append(days, d)
	}
	return days
}

// RunSeeds runs a subtest for each of some seeds in parallel, or only for the seed in the variable SEED.
func RunSeeds(t *testing.T, first, seeds int, run func(t *testing.T, seed int)) {
	t.Helper()
	last := first + seeds - 1
	if seed, err := strconv.Atoi(os.Getenv("SEED")); err == nil {
		first, last = seed, seed
	}
	t.Logf("seeds %d to %d", first, last)
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			run(t, seed)
		})
	}
}
