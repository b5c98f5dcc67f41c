// A generated bank that sends statements as banks do, and a model of what must be known of its accounts.

package aggregate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bursar/internal/aggregate/banktest"
	"bursar/internal/aggregate/completeness"
)

// TestBank runs banks of several seeds; SEED=n replays one, SEEDS=n sets how many run.
func TestBank(t *testing.T) {
	t.Parallel()
	seeds := 15
	if testing.Short() {
		seeds = 5
	}
	playBanks(t, 1, seeds)
}

// TestSoakBank runs further banks, as many as SEEDS.
func TestSoakBank(t *testing.T) {
	t.Parallel()
	seeds, err := strconv.Atoi(os.Getenv("SEEDS"))
	if err != nil {
		t.Skip("SEEDS is not set: it says how many banks are tried")
	}
	playBanks(t, 1_000_000, seeds)
}

func playBanks(t *testing.T, first, seeds int) {
	t.Helper()
	banktest.RunSeeds(t, first, seeds, func(t *testing.T, seed int) { newLender(seed).play(newFixture(t, "daily")) })
}

// testBank is a bank: the true accounts, each with one or two statements a day, and how their files are sent.
type testBank struct {
	*rand.Rand
	accounts []*ledgerOf
	files    []string // as they are sent, in any order
}

// ledgerOf is the truth of one account.
type ledgerOf struct {
	name       string
	render     func(...sheet) string
	mt         bool // MT940; otherwise CAMT
	pages      bool // statements come in pages, each in its own file
	references bool
	carried    bool // MT940 that dates its opening balance as the previous day
	days       [][]sheet
	fate       []string // of each day: "", "dropped" or "altered"
	longer     [2]int   // days that another statement covers; none if both are 0
}

const bankDays = 9

func newLender(seed int) *testBank {
	b := &testBank{Rand: rand.New(rand.NewPCG(uint64(seed), 7))}
	for n := range 1 + b.IntN(3) {
		a := &ledgerOf{name: fmt.Sprint("A", n), render: camtOf, references: b.IntN(2) == 0, pages: b.IntN(3) == 0}
		if b.IntN(2) == 0 {
			a.render, a.mt, a.carried = mtOf, true, b.IntN(2) == 0
		}
		b.fill(a)
		b.damage(a)
		b.send(a)
		b.accounts = append(b.accounts, a)
	}
	b.Shuffle(len(b.files), func(i, j int) { b.files[i], b.files[j] = b.files[j], b.files[i] })
	return b
}

// fill books entries: some days have none, some sum up to zero, and equal entries are frequent. Statements of one day
// have different entries unless these have references, because otherwise nothing distinguishes them.
func (b *testBank) fill(a *ledgerOf) {
	balance := int64(b.IntN(20000)) - 5000
	number := b.IntN(300)
	for n := range bankDays {
		var statements []sheet
		for part := range 1 + b.IntN(6)/5 {
			var entries []item
			for range b.IntN(6) {
				e := item{day: day(n + 1), cents: int64(b.IntN(3)*100 + part - 100)}
				switch {
				case a.references && a.pages:
					e.reference = fmt.Sprintf("R%d.%d.%d", n, part, len(entries))
				case a.references:
					e.reference = fmt.Sprintf("R%d.%d.%d", n, part, b.IntN(3))
				}
				entries = append(entries, e)
			}
			number++
			s := sheetOf(fmt.Sprint(number), n+1, balance, entries...)
			s.account, balance = a.name, s.closing
			if a.carried && n > 0 && part == 0 {
				s.opened = day(n)
			}
			statements = append(statements, s)
		}
		a.days = append(a.days, statements)
	}
}

// damage decides which statements are lost or altered on their way, and which days another statement repeats.
func (b *testBank) damage(a *ledgerOf) {
	a.fate = make([]string, bankDays)
	for n := range a.fate {
		switch b.IntN(10) {
		case 0:
			a.fate[n] = "dropped"
		case 1:
			if len(a.days[n][0].entries) > 0 && len(a.days[n]) == 1 {
				a.fate[n] = "altered"
			}
		}
	}
	if b.IntN(2) == 0 && (a.references || !a.pages) {
		from := b.IntN(bankDays - 2)
		a.longer = [2]int{from, from + 1 + b.IntN(bankDays-from-2)}
	}
}

// send writes an account's files, some of them twice under other names.
func (b *testBank) send(a *ledgerOf) {
	for n, statements := range a.days {
		if a.fate[n] == "dropped" {
			continue
		}
		if a.fate[n] == "altered" {
			s := &a.days[n][0]
			s.entries = slices.Clone(s.entries)
			s.entries[b.IntN(len(s.entries))].cents += 7
		}
		b.deliver(a, statements)
	}
	if from, to := a.longer[0], a.longer[1]; to > 0 {
		b.deliver(a, []sheet{a.span(from, to)})
	}
}

// span is one statement of several days.
func (a *ledgerOf) span(from, to int) sheet {
	s := a.days[from][0]
	s.number, s.to, s.entries = "900", day(to+1), nil
	for n := from; n <= to; n++ {
		for _, part := range a.days[n] {
			s.entries, s.closing = append(s.entries, part.entries...), part.closing
		}
	}
	return s
}

// deliver sends statements in one file or in several, and perhaps again.
func (b *testBank) deliver(a *ledgerOf, statements []sheet) {
	for again := range 1 + b.IntN(4)/3 {
		var sheets []sheet
		for _, s := range statements {
			s.name = fmt.Sprint("M", b.IntN(1_000_000_000))
			if again > 0 && !a.pages { // the order of a list is not a property of its entries
				s.entries = slices.Clone(s.entries)
				b.Shuffle(len(s.entries), func(i, j int) { s.entries[i], s.entries[j] = s.entries[j], s.entries[i] })
			}
			if a.pages && len(s.entries) > 1 && s.number != "900" {
				first, second := paged(s, len(s.entries)/2)
				sheets = append(sheets, first, second)
				continue
			}
			sheets = append(sheets, s)
		}
		if b.IntN(2) == 0 && (a.pages || a.references) || len(sheets) == 1 {
			for _, s := range sheets {
				b.files = append(b.files, a.render(s))
			}
			continue
		}
		b.files = append(b.files, a.render(sheets...))
	}
}

// play imports the files in several calls, and compares what is stored with the truth.
func (b *testBank) play(h *fixture) {
	for rest := b.files; len(rest) > 0; {
		n := min(len(rest), 1+b.IntN(12))
		h.send(rest[:n]...)
		rest = rest[n:]
	}
	var want []string
	for _, a := range b.accounts {
		want = append(want, a.stored()...)
	}
	slices.Sort(want)
	if got := h.stored("entries", "account, strftime(day, '%Y-%m-%d'), amount"); !slices.Equal(got, want) {
		h.Errorf("stored are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := h.quarantined(); n > 0 {
		h.Errorf("%d rows are in quarantine", n)
	}
	accounts := h.judged(day(bankDays))
	for _, a := range b.accounts {
		i := slices.IndexFunc(accounts, func(x completeness.Account) bool { return x.Account == a.name })
		if want := a.verdict(); i < 0 && want != "" || i >= 0 && sorted(accounts[i].Intervals) != want {
			h.Errorf("account %s: fates %q, longer %v\n%s\nwant\n%s", a.name, a.fate, a.longer, sorted(accounts[i].Intervals), want)
		}
	}
}

// stored are the entries that must be stored: those of the days that were sent.
func (a *ledgerOf) stored() (rows []string) {
	for n, statements := range a.days {
		spanned := a.longer[1] > 0 && a.longer[0] <= n && n <= a.longer[1]
		for _, s := range statements {
			for _, e := range s.entries {
				if a.fate[n] != "dropped" || spanned {
					amount := cents(e.cents)
					if e.cents < 0 {
						amount = "-" + amount
					}
					rows = append(rows, fmt.Sprintf("%s %s %s000", a.name, e.day, amount))
				}
			}
		}
	}
	return rows
}

// verdict is the expected verdict on the account.
func (a *ledgerOf) verdict() string {
	var list []completeness.Interval
	expect := func(from, to int, state completeness.State) {
		list = append(list, completeness.Interval{From: day(from + 1), To: day(to + 1), State: state})
	}
	altered := func(n int) bool { return a.fate[n] == "altered" }
	covered := func(n int) bool { return a.longer[1] > 0 && a.longer[0] <= n && n <= a.longer[1] }
	first := slices.IndexFunc(a.fate, func(f string) bool { return f != "dropped" })
	if a.longer[1] > 0 {
		state := completeness.Proven
		if slices.ContainsFunc(a.fate[a.longer[0]:a.longer[1]+1], func(f string) bool { return f == "altered" }) {
			state = completeness.Broken // it lists what the altered statement lists
		}
		from := a.longer[0]
		if a.mt && !a.carried && len(a.days[from][0].entries)+len(a.days[from][len(a.days[from])-1].entries) == 0 {
			from++ // its opening balance is read as that of the day before
		}
		expect(from, a.longer[1], state)
		if first < 0 || a.longer[0] < first {
			first = a.longer[0]
		}
	}
	if first < 0 {
		return ""
	}
	for n := first; n < bankDays; n++ {
		if a.fate[n] == "dropped" {
			continue
		}
		for _, s := range a.days[n] {
			state := completeness.Proven
			if altered(n) {
				state = completeness.Broken
			}
			expect(n, n, state)
			if a.pages && len(s.entries) > 1 {
				expect(n, n, completeness.Proven)
			}
		}
	}
	for from := first; from < bankDays; from++ {
		if a.fate[from] != "dropped" || covered(from) {
			continue
		}
		to := from
		for to+1 < bankDays && a.fate[to+1] == "dropped" && !covered(to+1) {
			to++
		}
		state := completeness.Unknown
		if to+1 < bankDays && a.days[to+1][0].opening != a.days[from][0].opening {
			state = completeness.Broken
		}
		expect(from, to, state)
		from = to
	}
	return sorted(list)
}

// sorted sorts intervals: those of one day may come in any order.
func sorted(list []completeness.Interval) string {
	slices.SortFunc(list, func(x, y completeness.Interval) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.State, y.State))
	})
	return states(list)
}
