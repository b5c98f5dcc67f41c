// Transactions that institutions report under other ids, with other amounts or no more: after each change the sums are those of the books, and the
// history says what has happened.

package app

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/tools/bank"
)

// play is what happens on an account, and what its transactions are called.
type play struct {
	*scripted
	numbers map[string]int64
}

// open books the first transactions. Numbers that are multiples of 4 post without a link.
func (p *play) open() {
	p.act(func(l *bank.Ledger) {
		p.numbers = map[string]int64{
			"wages": l.Book(250_000), "rent": l.Book(-90_000), "book": l.Book(-1_999),
			"unlinked": l.Pend(-5_000), "tip": l.Pend(-4_000), "gone": l.Pend(-7_777), "plain": l.Pend(-1_234),
		}
	})
}

// TestIdentity changes what the institution has said, and compares after every change.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"ofx", "simplefin", "cursor"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			p := &play{scripted: openScripted(t, protocol)}
			p.open()
			p.refresh("opening", "CLAIMED")
			p.changes()
			p.relinked()
			got := p.fromEvents()
			for name, want := range p.histories() {
				p.explains(name, got[p.entryOf(p.numbers[name]).ID].versions(), want)
			}
			isGone := func(e *storedTransaction) bool {
				return e.Status == "vanished" && strings.HasPrefix(e.versions(), "pending -77.77: the institution reports it | vanished -77.77: ")
			}
			if gone := slices.ContainsFunc(slices.Collect(maps.Values(got)), isGone); gone != (protocol != "ofx") {
				t.Errorf("a transaction that vanished is known: %v", gone)
			}
		})
	}
}

// explains checks that each version of a history begins or continues with a text.
func (s *scripted) explains(name, history string, want []string) {
	s.t.Helper()
	rest, ok := history, strings.Count(history, " | ") == len(want)-1
	for _, part := range want {
		_, after, found := strings.Cut(rest, part)
		rest, ok = after, ok && found
	}
	if !ok {
		s.t.Errorf("%s: the history is\n%s\nwant\n%s", name, strings.ReplaceAll(history, " | ", "\n"), strings.Join(want, "\n"))
	}
}

// changes are the changes that institutions make in the course of business.
func (p *play) changes() {
	p.bank.Advance(26 * time.Hour)
	p.act(func(l *bank.Ledger) { l.Post(p.numbers["plain"], -1_234) })
	p.refresh("posts with its amount", "PROVEN")
	p.act(func(l *bank.Ledger) { l.Post(p.numbers["tip"], -4_600) })
	p.refresh("posts with a tip", "PROVEN")
	p.join()
	p.bank.Advance(26 * time.Hour)
	p.act(func(l *bank.Ledger) { l.Vanish(p.numbers["gone"]) })
	p.refresh("vanishes", "PROVEN")
	p.act(func(l *bank.Ledger) { l.Correct(p.numbers["rent"], -90_500) })
	p.refresh("is corrected", "PROVEN")
	p.act(func(l *bank.Ledger) { l.Post(p.numbers["unlinked"], -5_500) })
	p.refresh("posts with a tip and without a link", "PROVEN")
	p.join()
	p.refresh("nothing", "PROVEN")
}

// join accepts the suggestion that a posted transaction is a pending one, if there is one. Sums do not change.
func (p *play) join() {
	p.t.Helper()
	_, open, err := p.app.Transactions(p.t.Context(), p.ref)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, o := range open {
		if err := p.app.DecideSuggestion(p.t.Context(), p.ref, o.ID, true); err != nil {
			p.t.Fatal(err)
		}
		p.refresh("accepted", "PROVEN")
	}
}

// relinked gives everything a new id, also while something new is posted.
func (p *play) relinked() {
	before := p.counts()
	p.bank.Relink(p.id)
	p.refresh("relinked", "PROVEN")
	if after := p.counts(); !maps.Equal(after, before) {
		p.t.Errorf("after the re-link the transactions are %v, before %v", after, before)
	}
	p.bank.Advance(30 * time.Hour)
	p.act(func(l *bank.Ledger) {
		l.Relink()
		p.numbers["late"] = l.Book(-1_999)
	})
	p.refresh("relinked while something was posted", "PROVEN")
}

// histories are what the versions of each transaction say, in order.
func (p *play) histories() map[string][]string {
	const again = "re-issued"
	all := map[string][]string{
		"wages": {"posted 2500.00: the institution reports it", again, again},
		"rent":  {"posted -900.00: the institution reports it", "posted -905.00: same id: amount -900.00 becomes -905.00", again, again},
		"book":  {"posted -19.99: the institution reports it", again, again},
		"late":  {"posted -19.99: the institution reports it"},
	}
	switch p.protocol {
	case "ofx":
		all["tip"] = []string{"posted -46.00: the institution reports it", again, again}
		all["unlinked"] = []string{"posted -55.00: the institution reports it", again, again}
		all["plain"] = []string{"posted -12.34: the institution reports it", again, again}
	case "simplefin":
		all["plain"] = []string{"pending -12.34: the institution reports it", "posted -12.34: posted: ", again, again}
		all["tip"] = []string{"pending -40.00: the institution reports it", "vanished -40.00: it is not in the complete list", "posted -46.00: accepted", again, again}
	case "cursor":
		all["plain"] = []string{"pending -12.34: the institution reports it", "posted -12.34: the institution says that", again, again}
		all["tip"] = []string{"pending -40.00: the institution reports it", "posted -46.00: the institution says that", again, again}
	}
	if p.protocol != "ofx" {
		all["unlinked"] = []string{"pending -50.00: the institution reports it", "vanished -50.00: ", "posted -55.00: accepted", again, again}
	}
	return all
}
