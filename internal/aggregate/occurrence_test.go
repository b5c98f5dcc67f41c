// Tests, by example, what counts once and what counts twice.

package aggregate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// day is a date in the month of the examples.
func day(n int) string { return fmt.Sprintf("2024-03-%02d", n) }

// items are entries of a day in cents.
func items(n int, amounts ...int64) (list []item) {
	for _, a := range amounts {
		list = append(list, item{day: day(n), cents: a})
	}
	return list
}

// sheetOf is a statement of one day with an opening balance.
func sheetOf(number string, n int, opening int64, entries ...item) sheet {
	s := sheet{account: "A1", from: day(n), to: day(n), number: number, opening: opening, opened: day(n), entries: entries, name: "M" + number}
	s.closing = opening
	for _, e := range entries {
		s.closing += e.cents
	}
	return s
}

// paged splits a statement into two pages after its n-th entry.
func paged(s sheet, n int) (first, second sheet) {
	first, second = s, s
	first.page, second.page, second.last = "1", "2", true
	first.entries, second.entries = s.entries[:n], s.entries[n:]
	first.closing = s.opening
	for _, e := range first.entries {
		first.closing += e.cents
	}
	second.opening = first.closing
	if s.opened < s.to {
		second.opened = s.to
	}
	return first, second
}

func renamed(s sheet, name string) sheet {
	s.name = name
	return s
}

func referred(list []item) []item {
	for i := range list {
		list[i].reference = fmt.Sprint("R", i)
	}
	return list
}

// TestWhatCountsOnce sends files in the order given, in both formats, and counts the stored entries.
func TestWhatCountsOnce(t *testing.T) {
	t.Parallel()
	equal := sheetOf("1", 5, 1000, items(5, 10, 10, 10)...)
	next := sheetOf("2", 5, 1030, items(5, 10)...)
	fourth := sheetOf("0", 4, 1000, items(4, 0)...)
	first, second := paged(equal, 1)
	month := sheetOf("9", 6, 1000, append(items(5, 10, 10, 10), items(6, 10)...)...)
	month.from, month.opened = day(5), day(5)
	sixth := sheetOf("2", 6, 1030, items(6, 10)...)
	withReferences := sheetOf("1", 5, 1000, referred(items(5, 10, 10, 10))...)
	refFirst, refSecond := paged(withReferences, 1)
	back := sheetOf("2", 6, 1030, items(5, 10)...)
	two := sheetOf("1", 5, 1000, items(5, 10, 10)...)
	lacking := two
	lacking.entries = two.entries[:1]
	ofTwo, ofTwoLast := paged(two, 1)
	morning, evening := renamed(sheetOf("1", 5, 1000, items(5, 10)...), "A"), renamed(sheetOf("2", 5, 1010, items(5, 10)...), "B")
	longer := sheetOf("1", 7, 1000, append(items(4, 10), items(6, 20, -20)...)...)
	longer.from, longer.opened = day(4), day(4)
	shorter := sheetOf("2", 7, 1010, items(6, -20, 20)...)
	shorter.from, shorter.opened = day(6), day(6)
	for _, c := range []struct {
		name  string
		files [][]sheet
		want  int
		state string
	}{
		{"equal entries of one statement", [][]sheet{{equal}}, 3, "5 PROVEN"},
		{"sent again under another name", [][]sheet{{equal}, {renamed(equal, "Another")}}, 3, "5 PROVEN"},
		{"twice in one file", [][]sheet{{equal, equal}}, 3, "5 PROVEN"},
		{"a second statement of the day in the same file", [][]sheet{{equal, next}}, 4, "5 PROVEN, 5 PROVEN"},
		{"two statements of the day, sent again together", [][]sheet{{equal, next}, {renamed(equal, "X"), renamed(next, "Y")}}, 4, "5 PROVEN, 5 PROVEN"},
		{"two statements of the day, then one alone", [][]sheet{{equal, next}, {renamed(next, "Y")}}, 4, "5 PROVEN, 5 PROVEN"},
		{"pages in files of their own", [][]sheet{{first}, {second}}, 3, "5 PROVEN, 5 PROVEN"},
		{"pages in one file, then in two", [][]sheet{{first, second}, {renamed(second, "P2")}, {renamed(first, "P1")}}, 3, "5 PROVEN, 5 PROVEN"},
		{"pages with references, then all at once", [][]sheet{{refFirst}, {refSecond}, {withReferences}}, 3, "5 PROVEN, 5 PROVEN, 5 PROVEN"},
		{"a longer interval over days", [][]sheet{{equal}, {sixth}, {month}}, 4, "5 PROVEN, 5–6 PROVEN, 6 PROVEN"},
		{"days under a longer interval", [][]sheet{{month}, {sixth}, {equal}}, 4, "5 PROVEN, 5–6 PROVEN, 6 PROVEN"},
		{"a zero entry", [][]sheet{{fourth}, {equal}}, 4, "4 PROVEN, 5 PROVEN"},
		{"booked for an earlier day", [][]sheet{{equal, back}}, 4, "5 PROVEN, 6 PROVEN"},

		{"a second statement of the day with an equal entry, in a file of its own", [][]sheet{{equal}, {next}}, 4, "5 PROVEN, 5 PROVEN"},
		{"the same the other way round, and both in one file later", [][]sheet{{next}, {equal}, {renamed(equal, "X"), renamed(next, "Y")}}, 4, "5 PROVEN, 5 PROVEN"},
		{"an equal entry booked for an earlier day, in a file of its own", [][]sheet{{equal}, {back}}, 4, "5 PROVEN, 6 PROVEN"},
		{"pages without references, then all at once", [][]sheet{{first}, {second}, {equal}}, 3, "5 PROVEN, 5 PROVEN, 5 PROVEN"},
		{"one that lacks an entry, then pages with an equal one each, in files of their own", [][]sheet{{lacking}, {ofTwo}, {ofTwoLast}}, 2, "5 PROVEN, 5 PROVEN"},
		{"one that lacks an entry, then statements of the day with an equal one each", [][]sheet{{lacking}, {morning}, {evening}}, 2, "5 PROVEN, 5 PROVEN"},
		{"entries of nothing together, in a longer and a shorter interval", [][]sheet{{longer}, {shorter}}, 3, "4–7 PROVEN, 6–7 PROVEN"},
		{"all at once, then pages without references", [][]sheet{{equal}, {renamed(second, "P2")}, {renamed(first, "P1")}}, 3, "5 PROVEN, 5 PROVEN, 5 PROVEN"},
	} {
		for name, render := range map[string]func(...sheet) string{"camt": camtOf, "mt940": mtOf} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				t.Parallel()
				h := newFixture(t, "")
				for _, f := range c.files {
					h.send(render(f...))
				}
				accounts := h.judged("")
				if got := states(accounts[0].Intervals); got != c.state || len(accounts) != 1 {
					t.Errorf("intervals %s, want %s: %+v", got, c.state, accounts)
				}
				if rows := h.stored("entries", "day, amount, id"); len(rows) != c.want {
					t.Errorf("stored are %d entries, want %d:\n%s", len(rows), c.want, strings.Join(rows, "\n"))
				}
				if n := h.quarantined(); n > 0 {
					t.Errorf("%d rows are in quarantine", n)
				}
			})
		}
	}
}

// TestDetailsAreComparedWithEveryEntry has notifications whose entry is not the sum of its details, with each status: all are BROKEN.
func TestDetailsAreComparedWithEveryEntry(t *testing.T) {
	t.Parallel()
	const notice = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>M</MsgId><CreDtTm>2024-05-01T10:00:00</CreDtTm></GrpHdr>` +
		`<Ntfctn><Id>%s</Id><Acct><Id><Othr><Id>A1</Id></Othr></Id><Ccy>EUR</Ccy></Acct><Ntry><Amt Ccy="EUR">%s</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>%s</Cd></Sts>` +
		`<NtryDtls><TxDtls><Amt Ccy="EUR">7.50</Amt><CdtDbtInd>CRDT</CdtDbtInd></TxDtls><TxDtls><Amt Ccy="EUR">2.50</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>`
	for _, c := range []struct {
		amount, status, want string
		entries              int64
	}{
		{"5.00", "INFO", "1 CLAIMED", 1},
		{"5.00", "PDNG", "1 CLAIMED", 0},
		{"5.01", "INFO", "1 BROKEN", 1},
		{"5.01", "PDNG", "1 BROKEN", 0},
	} {
		h := newFixture(t, "")
		h.send(fmt.Sprintf(notice, "N", c.amount, c.status))
		intervals := h.judged("")[0].Intervals
		if got := states(intervals); got != c.want || intervals[0].Entries != c.entries {
			t.Errorf("an entry of %s, %s: %s with %d entries, want %s with %d", c.amount, c.status, got, intervals[0].Entries, c.want, c.entries)
		}
	}
}

// TestDailyBalances distinguishes the balances of a day from those of a statement over several days.
func TestDailyBalances(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.send(
		camtOf(sheet{account: "A1", from: day(4), to: day(4), number: "1", name: "m", opened: day(4), closing: 700, entries: []item{{day(4), 700, "R1"}}}),
		camtOf(sheet{account: "A1", from: day(3), to: day(4), number: "1", name: "n", opened: day(3), opening: -300, closing: 700, entries: []item{{day(3), 300, "R0"}, {day(4), 700, "R1"}}}),
	)
	want := []string{"closing false 7.00", "closing true 7.00", "opening false -3.00", "opening true 0.00"}
	if got := h.stored("balances", "position, daily, CAST(amount AS DECIMAL(18,2))"); !slices.Equal(got, want) {
		t.Errorf("balances are %q, want %q", got, want)
	}
}
