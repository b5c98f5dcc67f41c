// Tests entries of OFX that replace or delete others, in files imported in any order, against the ledger of a bank.

package aggregate

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bursar/internal/aggregate/banktest"
	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/imported"
	"bursar/internal/catalog"
)

// posted is an entry as "FITID day amount [action FITID]" in an OFX file of the account A1.
func posted(entries ...string) string {
	var s strings.Builder
	for _, e := range entries {
		f := strings.Fields(e)
		fmt.Fprintf(&s, "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>202403%02s<TRNAMT>%s<FITID>%s", f[1], f[2], f[0])
		if len(f) > 4 {
			fmt.Fprintf(&s, "<CORRECTFITID>%s<CORRECTACTION>%s", f[4], f[3])
		}
		s.WriteString("<MEMO>m</STMTTRN>")
	}
	return s.String()
}

func downloaded(from, to int, closing string, entries ...string) string {
	return fmt.Sprintf("OFXHEADER:100\nVERSION:102\n\n<OFX><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>B<ACCTID>A1</BANKACCTFROM><BANKTRANLIST><DTSTART>202403%02d<DTEND>202403%02d%s</BANKTRANLIST>"+
		"<LEDGERBAL><BALAMT>%s<DTASOF>202403%02d</LEDGERBAL></STMTRS></STMTTRNRS></OFX>", from, to, posted(entries...), closing, to)
}

// TestCorrections imports files in every order, each order twice.
func TestCorrections(t *testing.T) {
	t.Parallel()
	first := downloaded(1, 5, "90.00", "X 3 -10", "W 4 5")
	for _, c := range []struct {
		name        string
		files       []string
		want        string // movements
		quarantined int
		states      string
	}{
		{"replaced", []string{first, downloaded(6, 9, "88.00", "Y 3 -12 REPLACE X")}, "3 -12 Y, 4 5 W", 0, "1–5 CLAIMED, 6–9 CLAIMED"},
		{"replaced on a later day", []string{first, downloaded(6, 9, "88.00", "Y 7 -12 REPLACE X")}, "4 5 W, 7 -12 Y", 0, "1–5 CLAIMED, 6–9 CLAIMED"},
		{"replaced, and money is missing", []string{first, downloaded(6, 9, "87.00", "Y 3 -12 REPLACE X")}, "3 -12 Y, 4 5 W", 0, "1–5 CLAIMED, 6–9 BROKEN"},
		{"deleted", []string{first, downloaded(6, 9, "100.00", "D 7 -10 DELETE X")}, "4 5 W, 7 0 D", 0, "1–5 CLAIMED, 6–9 CLAIMED"},
		{"nothing is stored that is replaced", []string{downloaded(6, 9, "88.00", "Y 3 -12 REPLACE X")}, "3 -12 Y", 0, "6–9 CLAIMED"},
		{"nothing is stored that is deleted", []string{downloaded(6, 9, "88.00", "D 7 -12 DELETE X")}, "7 0 D", 0, "6–9 CLAIMED"},
		{"corrected again", []string{first, downloaded(6, 7, "88.00", "Y 3 -12 REPLACE X"), downloaded(8, 9, "85.00", "Z 3 -15 REPLACE Y")}, "3 -15 Z, 4 5 W", 0, "1–5 CLAIMED, 6–7 CLAIMED, 8–9 CLAIMED"},
		{"replaced, then deleted", []string{first, downloaded(6, 7, "88.00", "Y 3 -12 REPLACE X"), downloaded(8, 9, "100.00", "D 8 -12 DELETE Y")}, "4 5 W, 8 0 D", 0, "1–5 CLAIMED, 6–7 CLAIMED, 8–9 CLAIMED"},
		{"both in one file", []string{first, downloaded(1, 9, "85.00", "W 4 5", "X 3 -10", "Y 3 -12 REPLACE X", "Z 3 -15 REPLACE Y")}, "3 -15 Z, 4 5 W", 0, "1–5 CLAIMED, 1–9 CLAIMED"},
		{"both in one file, newest first", []string{first, downloaded(1, 9, "85.00", "Z 3 -15 REPLACE Y", "Y 3 -12 REPLACE X", "X 3 -10", "W 4 5")}, "3 -15 Z, 4 5 W", 0, "1–5 CLAIMED, 1–9 CLAIMED"},
		{"deleted in one file", []string{downloaded(1, 1, "95.00", "V 1 1"), downloaded(1, 9, "100.00", "V 1 1", "X 3 -10", "D 4 -10 DELETE X", "W 4 5")}, "1 1 V, 4 0 D, 4 5 W", 0, "1 CLAIMED, 1–9 CLAIMED"},
		{"under the same FITID", []string{first, downloaded(6, 9, "88.00", "X 3 -12 REPLACE X")}, "3 -12 X, 4 5 W", 0, "1–5 CLAIMED, 6–9 CLAIMED"},
		{"corrected twice, and nothing says which is right", []string{first, downloaded(6, 9, "88.00", "Y 3 -12 REPLACE X"), downloaded(10, 12, "88.00", "Z 3 -12 REPLACE X")}, "3 -12 Y, 3 -12 Z, 4 5 W", 0, "1–5 CLAIMED, 3 BROKEN, 6–9 CLAIMED, 10–12 CLAIMED"},
		{"in a circle", []string{downloaded(6, 9, "88.00", "Y 7 -12 REPLACE Z", "Z 8 -12 REPLACE Y")}, "", 0, "6–9 CLAIMED, 7 BROKEN, 8 BROKEN"},
		{"two entries, and one that replaces them", []string{downloaded(1, 5, "90.00", "X 3 -10", "X 3 -1"), downloaded(6, 9, "88.00", "Y 3 -13 REPLACE X")}, "3 -13 Y", 0, "1–5 CLAIMED, 3 BROKEN, 6–9 CLAIMED"},
		{"purchase and fee, both replaced", []string{downloaded(1, 5, "90.00", "X 3 -10", "X 3 -1"), downloaded(6, 9, "88.00", "Y 3 -11 REPLACE X", "Y 3 -2 REPLACE X")}, "3 -11 Y, 3 -2 Y", 0, "1–5 CLAIMED, 6–9 CLAIMED"},
		{"what is to be done is not said", []string{downloaded(6, 9, "88.00", "Y 3 -12 CHANGE X")}, "", 1, "6–9 BROKEN"},
		{"no FITID to correct", []string{downloaded(6, 9, "88.00", "Y 3 -12 REPLACE 000")}, "", 1, "6–9 BROKEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, order := range someOrders(len(c.files)) {
				h := newFixture(t, "")
				for range 2 {
					for _, n := range order {
						h.send(c.files[n])
					}
				}
				var rows, judged []string
				for _, m := range h.movements() {
					f := strings.Fields(m)
					rows = append(rows, strings.TrimPrefix(f[0][8:], "0")+" "+strings.TrimSuffix(f[1], ".00000")+" "+f[2])
				}
				for _, a := range h.judged("") {
					judged = append(judged, states(a.Intervals))
				}
				if got := strings.Join(rows, ", "); got != c.want || h.quarantined() != c.quarantined || strings.Join(judged, "; ") != c.states {
					t.Errorf("order %v: %s, %d in quarantine, %s\n%v\nwant %s, %d, %s\n%+v", order, got, h.quarantined(), judged, h.inQuarantine(), c.want, c.quarantined, c.states, h.judged(""))
				}
			}
		})
	}
}

// permutations are the orders of n things.
func permutations(n int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		var from func(i int) bool
		from = func(i int) bool {
			if i == n {
				return yield(slices.Clone(order))
			}
			for j := i; j < n; j++ {
				order[i], order[j] = order[j], order[i]
				if !from(i + 1) {
					return false
				}
				order[i], order[j] = order[j], order[i]
			}
			return true
		}
		from(0)
	}
}

// someOrders are up to three random orders of n things, or all of them if SEEDS is set.
func someOrders(n int) [][]int {
	return some(slices.Collect(permutations(n)), 3)
}

// some returns so many random ones of a list, or all of it if SEEDS is set.
func some[T any](list []T, most int) []T {
	if os.Getenv("SEEDS") != "" || len(list) <= most {
		return list
	}
	rand.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
	return list[:most]
}

// TestCorrectionsOfTemporaryFITIDs leaves a correction in quarantine if the corrected entry cannot be found.
func TestCorrectionsOfTemporaryFITIDs(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.file("project/institutions/bank.yaml", "institution: bank\naccounts: [\"A*\"]\nfitids: temporary\n")
	h.importer.Project = h.read()
	h.send(downloaded(1, 5, "90.00", "X 3 -10"), downloaded(6, 9, "88.00", "Y 3 -12 REPLACE X"))
	if rows := h.movements(); len(rows) != 1 || h.quarantined() != 1 || !strings.Contains(h.inQuarantine(), "fitids: temporary") {
		t.Errorf("the entries are %q, in quarantine is %s", rows, h.inQuarantine())
	}
}

// TestRereadAfterEarlierReaders reads a file again with rows that earlier readers left in quarantine.
func TestRereadAfterEarlierReaders(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	path := h.file("first", downloaded(1, 5, "90.00", "X 3 -10", "Y 3 -12 CHANGE X"))
	known := h.imported(path).Files[0]
	err := h.importer.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		var k imported.File
		if _, err := tx.Get(imported.Key(known.Digest), &k); err != nil {
			return err
		}
		k.Readers = 0
		return tx.Put(imported.Key(known.Digest), k)
	})
	if err != nil {
		t.Fatal(err)
	}
	if again := h.imported(path).Files[0]; again.Known || len(h.movements()) != 1 || states(h.judged("")[0].Intervals) != "1–5 BROKEN" {
		t.Errorf("it is known: %t; the entries are %q: %+v", again.Known, h.movements(), h.judged(""))
	}
	if again := h.imported(path).Files[0]; !again.Known {
		t.Error("it is read a third time")
	}
}

// TestCorrectedLedgers runs accounts whose bank corrects entries, each downloaded in several orders; SEED=n replays one.
func TestCorrectedLedgers(t *testing.T) {
	t.Parallel()
	banktest.RunSeeds(t, 1, 6, func(t *testing.T, seed int) { newCorrected(seed).play(t, 2) })
}

// TestSoakCorrectedLedgers runs further accounts, as many as SEEDS.
func TestSoakCorrectedLedgers(t *testing.T) {
	t.Parallel()
	seeds, err := strconv.Atoi(os.Getenv("SEEDS"))
	if err != nil {
		t.Skip("SEEDS is not set: it says how many accounts are tried")
	}
	banktest.RunSeeds(t, 1001, seeds, func(t *testing.T, seed int) { newCorrected(seed).play(t, 6) })
}

// correctedLedger is the truth: what a bank had posted at each download.
type correctedLedger struct {
	*rand.Rand
	lines []*ledgerLine
	files []string
	sent  int // lines at the last download
	want  []string
}

// ledgerLine is an entry of the ledger, or one that corrects another.
type ledgerLine struct {
	name     string
	day      int
	cents    int64
	corrects *ledgerLine
	deletes  bool
	by       *ledgerLine // the line that corrected it
}

// newCorrected posts, replaces and deletes entries, and downloads days after every few of them.
func newCorrected(seed int) *correctedLedger {
	b := &correctedLedger{Rand: rand.New(rand.NewPCG(uint64(seed), 13))}
	for day, since := 1, 1; day <= 12; day++ {
		for range b.IntN(3) {
			b.post(&ledgerLine{day: day, cents: int64(b.IntN(2000) - 1000)})
		}
		if lines := b.countingLines(); len(lines) > 0 && b.IntN(2) == 0 {
			of := lines[b.IntN(len(lines))]
			b.post(&ledgerLine{day: []int{of.day, day}[b.IntN(2)], cents: of.cents + int64(b.IntN(500)-250), corrects: of, deletes: b.IntN(3) == 0})
		}
		if b.IntN(3) == 0 || day == 12 {
			b.download(max(1, since-b.IntN(4)), since, day)
			since = day + 1
		}
	}
	for _, l := range b.lines {
		if l.by == nil {
			b.want = append(b.want, fmt.Sprintf("%s %s000 %s", day(l.day), signed(l.moves()), l.name))
		}
	}
	slices.Sort(b.want)
	return b
}

func (b *correctedLedger) post(l *ledgerLine) {
	l.name = fmt.Sprintf("F%d", len(b.lines)+1)
	if l.corrects != nil {
		l.corrects.by = l
	}
	b.lines = append(b.lines, l)
}

func (l *ledgerLine) moves() int64 {
	if l.deletes {
		return 0
	}
	return l.cents
}

// countingLines are the lines that can be corrected.
func (b *correctedLedger) countingLines() (lines []*ledgerLine) {
	for _, l := range b.lines {
		if l.by == nil && !l.deletes {
			lines = append(lines, l)
		}
	}
	return lines
}

// download lists the entries of some days, and all corrections since the last download. A bank lists the corrected
// entries too, or only the corrections.
func (b *correctedLedger) download(from, since, to int) {
	both := b.IntN(2) == 0
	var rows []string
	sum := int64(10_000)
	for n, l := range b.lines {
		if l.by == nil {
			sum += l.moves()
		}
		fresh := n >= b.sent
		if l.day < from && !fresh || l.by != nil && !both && !fresh {
			continue
		}
		row := fmt.Sprintf("%s %d %s", l.name, l.day, signed(l.cents))
		if l.corrects != nil {
			row += map[bool]string{true: " DELETE ", false: " REPLACE "}[l.deletes] + l.corrects.name
		}
		rows = append(rows, row)
	}
	b.sent = len(b.lines)
	if b.IntN(2) == 0 {
		slices.Reverse(rows)
	}
	b.files = append(b.files, downloaded(from, to, signed(sum), rows...))
}

func (b *correctedLedger) play(t *testing.T, orders int) {
	t.Helper()
	verdicts := ""
	for n := range orders {
		order := b.Perm(len(b.files))
		if n == 0 {
			slices.Sort(order)
		}
		h := newFixture(t, "")
		for _, at := range slices.Concat(order, order[:b.IntN(len(order))]) {
			h.send(b.files[at])
		}
		var rows, judged []string
		for _, m := range h.movements() {
			rows = append(rows, strings.TrimSuffix(m, " m"))
		}
		for i, row := range rows {
			if f := strings.Fields(row); len(f) > 3 { // a deletion says so
				rows[i] = strings.Join(f[:3], " ")
			}
		}
		for _, a := range h.judged("") {
			judged = append(judged, states(a.Intervals))
			for _, i := range a.Intervals {
				if i.State == completeness.Broken {
					t.Errorf("order %v: %s–%s is BROKEN: %s", order, i.From, i.To, i.Reason)
				}
			}
		}
		if !slices.Equal(rows, b.want) || h.quarantined() > 0 {
			t.Fatalf("order %v: the entries are\n%s\nwant\n%s\n%s\n%s", order, strings.Join(rows, "\n"), strings.Join(b.want, "\n"), h.inQuarantine(), strings.Join(b.files, "\n"))
		}
		if got := strings.Join(judged, "; "); n > 0 && got != verdicts {
			t.Fatalf("order %v: %s, in the first order %s", order, got, verdicts)
		}
		verdicts = strings.Join(judged, "; ")
	}
}

func signed(n int64) string {
	if n < 0 {
		return "-" + cents(n)
	}
	return cents(n)
}
