// The statements of a real settlement account, day by day: proven whole; and with a file removed, a statement cut out or an
// amount altered, found to be exactly that.

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/completeness"
)

// stated is one statement as another tool has read it.
type stated struct {
	Account, Opening, Closing string
	Sum                       string `json:"entry_sum"`
	Entries, Operations       int64
}

// settlement is the folder: its files, each named by its day, and what they state.
type settlement struct {
	dir   string
	days  []string // sorted
	files map[string][]stated
}

func readSettlement(t *testing.T) *settlement {
	t.Helper()
	s := &settlement{dir: recorded(t, "settlement"), files: map[string][]stated{}}
	text, err := os.ReadFile(filepath.Join(s.dir, "EXPECTED.json"))
	var expected struct {
		Files map[string]struct{ Statements []stated }
	}
	if err != nil || json.Unmarshal(text, &expected) != nil || len(expected.Files) < 10 {
		t.Fatalf("%v, %d files are described", err, len(expected.Files))
	}
	for name, f := range expected.Files {
		day := strings.TrimSuffix(name, ".xml")
		s.days, s.files[day] = append(s.days, day), f.Statements
	}
	slices.Sort(s.days)
	return s
}

func (s *settlement) path(day string) string { return filepath.Join(s.dir, day+".xml") }

// without are the files but that of one day, in random order.
func (s *settlement) without(random *rand.Rand, day string) (paths []string) {
	for _, i := range random.Perm(len(s.days)) {
		if s.days[i] != day {
			paths = append(paths, s.path(s.days[i]))
		}
	}
	return paths
}

// between is a day that is neither the first nor the last and for which is holds, picked at random.
func (s *settlement) between(random *rand.Rand, is func(i int) bool) int {
	for {
		if i := 1 + random.IntN(len(s.days)-2); is(i) {
			return i
		}
	}
}

// moves returns the accounts of a day whose balance changes, and those whose balance does not.
func (s *settlement) moves(i int) (moving, still []stated) {
	for _, st := range s.files[s.days[i]] {
		if equalAmounts(st.Opening, st.Closing) {
			still = append(still, st)
		} else {
			moving = append(moving, st)
		}
	}
	return moving, still
}

// accounts are the accounts of all statements.
func (s *settlement) accounts() []string {
	all := map[string]bool{}
	for _, statements := range s.files {
		for _, st := range statements {
			all[st.Account] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// equalAmounts compares decimal numbers.
func equalAmounts(a, b string) bool {
	x, ok := new(big.Rat).SetString(a)
	y, also := new(big.Rat).SetString(b)
	return ok && also && x.Cmp(y) == 0
}

func dayAfter(day string, days int) string {
	d, _ := time.Parse(time.DateOnly, day) // no date is the day 1, which no test expects
	return d.AddDate(0, 0, days).Format(time.DateOnly)
}

// wantStates fails the test unless every interval of an account is PROVEN but those of these days, which are of the state.
func wantStates(t *testing.T, a completeness.Account, want ...completeness.Interval) {
	t.Helper()
	var got []completeness.Interval
	for _, i := range a.Intervals {
		if i.State != completeness.Proven {
			got = append(got, completeness.Interval{From: i.From, To: i.To, State: i.State})
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: not proven are %v, want %v", a.Account, got, want)
	}
}

// TestSettlementIsProven takes all files in at once, in any order: every statement is proven, is what another tool has read,
// and opens with what the one before it closed with.
func TestSettlementIsProven(t *testing.T) {
	t.Parallel()
	s, random, dir := readSettlement(t), seeded(t), bankProject(t)
	imports(t, 0, dir, s.without(random, "")...)
	s.check(t, accountsOf(t, 0, dir))
	declare(t, dir, "{calendar: target}", s.accounts()...)
	s.check(t, accountsOf(t, 0, dir))
}

// check compares all accounts with the results of another tool.
func (s *settlement) check(t *testing.T, got map[string]completeness.Account) {
	t.Helper()
	if !slices.Equal(slices.Sorted(maps.Keys(got)), s.accounts()) {
		t.Fatalf("the accounts are %v", slices.Collect(maps.Keys(got)))
	}
	next := map[string]int{}
	for _, day := range s.days {
		for _, want := range s.files[day] {
			a, n := got[want.Account], next[want.Account]
			next[want.Account]++
			if n >= len(a.Intervals) {
				t.Fatalf("%s: there is no result for %s", want.Account, day)
			}
			i := a.Intervals[n]
			if i.State != completeness.Proven || i.From != day || i.To != day || !equalAmounts(i.Opening, want.Opening) || !equalAmounts(i.Closing, want.Closing) ||
				!equalAmounts(i.Amount, want.Sum) || i.Entries != want.Entries || i.Operations != want.Operations {
				t.Errorf("%s of %s: %+v, want %+v", want.Account, day, i, want)
			}
			if n > 0 && !equalAmounts(i.Opening, a.Intervals[n-1].Closing) {
				t.Errorf("%s: %s opens with %s, and %s closed with %s", want.Account, day, i.Opening, a.Intervals[n-1].To, a.Intervals[n-1].Closing)
			}
		}
	}
	for account, n := range next {
		if a := got[account]; n != len(a.Intervals) || a.States[completeness.Proven] != n || a.From != s.days[0] || a.To != s.days[len(s.days)-1] {
			t.Errorf("%s: %d intervals from %s to %s, by state %v, want %d", account, len(a.Intervals), a.From, a.To, a.States, n)
		}
	}
}

// TestSettlementLacksAFile leaves out the file of one day. Where the balance moves, exactly that gap is broken; where it
// stands still, the day is missed by a calendar alone. The file comes late, and all is proven.
func TestSettlementLacksAFile(t *testing.T) {
	t.Parallel()
	s := readSettlement(t)
	afterWeekend := func(i int) bool { return s.days[i] != dayAfter(s.days[i-1], 1) }
	for name, is := range map[string]func(i int) bool{
		"in the week":     func(i int) bool { return !afterWeekend(i) && !afterWeekend(i+1) },
		"after a weekend": afterWeekend,
		"before a pause":  func(i int) bool { return afterWeekend(i + 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.lack(t, seeded(t), is)
		})
	}
}

func (s *settlement) lack(t *testing.T, random *rand.Rand, is func(i int) bool) {
	t.Helper()
	i := s.between(random, func(i int) bool {
		moving, still := s.moves(i)
		return is(i) && len(moving) > 0 && len(still) > 0
	})
	day, dir := s.days[i], bankProject(t)
	t.Logf("without %s", day)
	moving, still := s.moves(i)
	imports(t, 0, dir, s.without(random, day)...)
	got := accountsOf(t, 4, dir)
	gap := completeness.Interval{From: dayAfter(s.days[i-1], 1), To: dayAfter(s.days[i+1], -1), State: completeness.Broken}
	for _, st := range moving {
		wantStates(t, got[st.Account], gap)
		wantFigures(t, got[st.Account], st.Opening, st.Closing)
	}
	for _, st := range still {
		wantStates(t, got[st.Account])
	}
	declare(t, dir, "{calendar: target}", s.accounts()...)
	got = accountsOf(t, 4, dir)
	for _, st := range moving {
		wantStates(t, got[st.Account], completeness.Interval{From: day, To: day, State: completeness.Broken})
		wantFigures(t, got[st.Account], st.Opening, st.Closing)
	}
	for _, st := range still {
		wantStates(t, got[st.Account], completeness.Interval{From: day, To: day, State: completeness.Unknown})
	}
	declare(t, dir, "")
	imports(t, 0, dir, s.path(day))
	s.check(t, accountsOf(t, 0, dir))
}

// wantFigures fails the test unless what is broken names all the figures.
func wantFigures(t *testing.T, a completeness.Account, figures ...string) {
	t.Helper()
	for _, i := range a.Intervals {
		if i.State != completeness.Broken {
			continue
		}
		for _, f := range figures {
			if !strings.Contains(i.Reason, f) {
				t.Errorf("%s %s: %q does not name %s", a.Account, i.From, i.Reason, f)
			}
		}
	}
}

// aStatement and anAmount find what tests cut out of files and alter in them.
var (
	aStatement = regexp.MustCompile(`(?s)<Stmt>.*?</Stmt>`)
	anEntry    = regexp.MustCompile(`(?s)<Ntry>.*?</Ntry>`)
	anAmount   = regexp.MustCompile(`(<Amt Ccy="[A-Z]+">)([0-9.]+)(</Amt>)`)
)

// TestSettlementLacksAStatement cuts the statement of an account that stands still out of one day's file: the file came, so
// the statement was due that day, and on no other.
func TestSettlementLacksAStatement(t *testing.T) {
	t.Parallel()
	s, random, dir := readSettlement(t), seeded(t), bankProject(t)
	i := s.between(random, func(i int) bool { _, still := s.moves(i); return len(still) > 0 && len(s.files[s.days[i]]) > 1 })
	_, still := s.moves(i)
	text, err := os.ReadFile(s.path(s.days[i]))
	if err != nil {
		t.Fatal(err)
	}
	cut := aStatement.ReplaceAllStringFunc(string(text), func(statement string) string {
		if strings.Contains(statement, still[0].Account) {
			return ""
		}
		return statement
	})
	declare(t, dir, "every file day", s.accounts()...)
	imports(t, 0, dir, append(s.without(random, s.days[i]), file(t, t.TempDir(), "cut.xml", cut))...)
	for account, a := range accountsOf(t, 0, dir) {
		if account == still[0].Account {
			wantStates(t, a, completeness.Interval{From: s.days[i], To: s.days[i], State: completeness.Unknown})
		} else {
			wantStates(t, a)
		}
	}
}

// TestSettlementWithAnAmountAltered alters one entry by random cents, once alone and once with its details: its
// statement is broken and no other, and the reason names what the entries make and what the bank says.
func TestSettlementWithAnAmountAltered(t *testing.T) {
	t.Parallel()
	s := readSettlement(t)
	for _, details := range []bool{false, true} {
		t.Run(fmt.Sprint("details too: ", details), func(t *testing.T) {
			t.Parallel()
			s.alter(t, seeded(t), details)
		})
	}
}

func (s *settlement) alter(t *testing.T, random *rand.Rand, details bool) {
	t.Helper()
	i := random.IntN(len(s.days))
	var moving []stated
	for moving, _ = s.moves(i); len(moving) == 0; moving, _ = s.moves(i) {
		i = random.IntN(len(s.days))
	}
	victim := moving[random.IntN(len(moving))]
	text, err := os.ReadFile(s.path(s.days[i]))
	if err != nil {
		t.Fatal(err)
	}
	cents := big.NewRat(1+random.Int64N(1_000_000), 100)
	made, _ := new(big.Rat).SetString(victim.Closing)
	altered := aStatement.ReplaceAllStringFunc(string(text), func(statement string) string {
		if !strings.Contains(statement, victim.Account) {
			return statement
		}
		entries := anEntry.FindAllStringIndex(statement, -1)
		at := entries[random.IntN(len(entries))]
		entry := statement[at[0]:at[1]]
		if strings.Contains(entry, "DBIT") {
			made.Sub(made, cents)
		} else {
			made.Add(made, cents)
		}
		return statement[:at[0]] + dearer(entry, cents, details) + statement[at[1]:]
	})
	dir := bankProject(t)
	imports(t, 0, dir, append(s.without(random, s.days[i]), file(t, t.TempDir(), "altered.xml", altered))...)
	got := accountsOf(t, 4, dir)
	for account, a := range got {
		if account != victim.Account {
			wantStates(t, a)
			continue
		}
		wantStates(t, a, completeness.Interval{From: s.days[i], To: s.days[i], State: completeness.Broken})
		wantFigures(t, a, made.FloatString(2), victim.Closing)
	}
}

// dearer adds cents to an entry's amount, and to those of its details if they are altered too.
func dearer(entry string, cents *big.Rat, details bool) string {
	n := 0
	return anAmount.ReplaceAllStringFunc(entry, func(amount string) string {
		if n++; n > 1 && !details {
			return amount
		}
		parts := anAmount.FindStringSubmatch(amount)
		value, _ := new(big.Rat).SetString(parts[2])
		return parts[1] + value.Add(value, cents).FloatString(2) + parts[3]
	})
}
