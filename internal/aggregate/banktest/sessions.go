// Banks that send several statements of a day, and reports of what happened so far.

package banktest

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Day is what a bank's books say of one day.
type Day struct {
	Day                      string
	Opening, Entered, Closed string
	Entries                  int
	Reported                 bool // reports and notifications list all of it, too
}

// NewSessions plays a bank that sends several statements of each day: one after another, one that was made early and one of all, or the same
// again; and besides reports of what came so far, or since the one before.
func NewSessions(seed int) *Books {
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
			if n == 1 && b.IntN(3) == 0 { // the balance comes back to where it was
				l.cents = -lines[0].cents
			}
			if b.References {
				l.reference = fmt.Sprintf("R%dX%d", day, n)
			}
			lines = append(lines, l)
		}
		b.Days = append(b.Days, lines)
		b.Files = append(b.Files, b.sessions(day)...)
		if b.Format == "camt" {
			b.Files = append(b.Files, b.reports(day)...)
		}
	}
	return b
}

// part is a statement of some of a day's entries.
func (b *Books) part(day, from, to int) Export {
	e := b.export(day, day, 0)
	e.format = b.Format
	for _, l := range e.lines[:from] {
		e.opening += l.cents
	}
	for _, l := range e.lines[to:] {
		e.closing -= l.cents
	}
	e.lines = slices.Clone(e.lines[from:to])
	return e
}

// sessions are the statements of a day.
func (b *Books) sessions(day int) (files []Export) {
	all := len(b.Days[day-1])
	if all == 0 {
		return []Export{b.part(day, 0, 0)}
	}
	cut := b.IntN(all)
	switch b.IntN(4) {
	case 0:
		return []Export{b.part(day, 0, all)}
	case 1:
		return []Export{b.part(day, 0, all), b.part(day, 0, all)}
	case 2: // early
		return []Export{b.part(day, 0, cut), b.part(day, 0, all)}
	}
	if cut == 0 {
		cut = all
	}
	files = append(files, b.part(day, 0, cut))
	if cut < all {
		files = append(files, b.part(day, cut, all))
	}
	return files
}

// reports are those of a day, the last one up to its end, and notifications of its entries.
func (b *Books) reports(day int) (files []Export) {
	all := len(b.Days[day-1])
	if all == 0 || b.IntN(3) == 0 {
		return nil
	}
	cut, since := b.IntN(all), b.IntN(2) == 0
	if cut > 0 {
		first := b.part(day, 0, cut)
		first.message = "report"
		files = append(files, first)
	}
	last := b.part(day, 0, all)
	if since {
		last = b.part(day, cut, all)
	}
	last.message = "report"
	files = append(files, last)
	if b.References {
		notification := b.part(day, 0, all)
		notification.message = "notification"
		files = append(files, notification)
	}
	return files
}

// Expected is what is to be known of each day.
func (b *Books) Expected() (days []Day) {
	for n, lines := range b.Days {
		d := Day{Day: day(n + 1), Opening: signed(b.balance(n+1)) + "000", Closed: signed(b.balance(n+2)) + "000", Entries: len(lines)}
		d.Entered = signed(b.balance(n+2)-b.balance(n+1)) + "000"
		d.Reported = slices.ContainsFunc(b.Files, func(f Export) bool { return f.message == "notification" && f.From == n+1 })
		days = append(days, d)
	}
	return days
}
