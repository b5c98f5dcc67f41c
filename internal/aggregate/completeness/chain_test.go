// Tests chains of statements in a short notation: their days and balances, and the expected verdicts.

package completeness

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/format/statement"
)

// parse reads statements written as "days opening>closing", such as "5 100>130" or "1-31 0>50"; their entries sum up to
// the difference. "!" before the closing balance makes the statement faulty; "~20" in place of the balances is a
// statement without balances whose entries sum up to 20; "@4" at the end is the day of its first entry, "#" its number.
func parse(t *testing.T, text string) (list []*Statement) {
	t.Helper()
	for n, line := range strings.Split(text, ", ") {
		s := &Statement{totals: true, content: "d"}
		s.Kind, s.File, s.Number, s.Place = "statement", fmt.Sprint("f", n), fmt.Sprint(n), "1:1"
		days, what, _ := strings.Cut(line, " ")
		from, to, several := strings.Cut(days, "-")
		if !several {
			to = from
		}
		s.From, s.To = dayIn(t, from), dayIn(t, to)
		what, first, _ := strings.Cut(what, "@")
		s.firstEntryDay, s.lastEntryDay = s.From, s.To
		if first != "" {
			s.firstEntryDay = dayIn(t, first)
		}
		if amount, loose := strings.CutPrefix(what, "~"); loose {
			s.Amount, s.Entries = statement.NormalAmount(amount), 1
			list = append(list, s)
			continue
		}
		opening, closing, _ := strings.Cut(what, ">")
		if rest, fault := strings.CutPrefix(closing, "!"); fault {
			s.fault, closing = "it does not hold", rest
		}
		s.Opening, s.Closing, s.Entries = statement.NormalAmount(opening), statement.NormalAmount(closing), 1
		s.Amount = statement.Subtract(s.Closing, s.Opening)
		list = append(list, s)
	}
	return list
}

func dayIn(t *testing.T, text string) string {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return march(n)
}

// TestChain judges statements imported in any order. March 2024 begins on a Friday.
func TestChain(t *testing.T) {
	t.Parallel()
	weekdays := func(d time.Time) bool { return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday }
	for _, c := range []struct {
		statements string
		expects    func(time.Time) bool
		want       string
	}{
		{"5 100>130, 6 130>90, 7 90>-5", nil, "5 PROVEN, 6 PROVEN, 7 PROVEN"},
		{"5 100>130, 7 90>-5", nil, "5 PROVEN, 6 BROKEN, 7 PROVEN"},
		{"5 100>130, 7 130>-5", nil, "5 PROVEN, 7 PROVEN"},
		{"5 100>130, 6 131>90", nil, "5 PROVEN, 6 BROKEN"},
		{"5 100>!130, 6 140>90", nil, "5 BROKEN, 6 BROKEN"},
		{"1 0>10, 4 10>20", weekdays, "1 PROVEN, 4 PROVEN"},
		{"1 0>10, 4 15>20", weekdays, "1 PROVEN, 4 BROKEN"},
		{"1 0>10, 6 15>20", weekdays, "1 PROVEN, 4–5 BROKEN, 6 PROVEN"},
		// several statements of a day
		{"5 110>120, 5 100>110, 6 120>120", nil, "5 PROVEN, 5 PROVEN, 6 PROVEN"},
		{"4 0>100, 5 100>120, 5 110>100, 5 100>110", nil, "4 PROVEN, 5 PROVEN, 5 PROVEN, 5 PROVEN"},
		{"5 100>110, 5 120>130", nil, "5 BROKEN, 5 PROVEN"},
		{"5 100>110, 5 100>110", nil, "5 PROVEN, 5 PROVEN"},
		{"5 100>110, 5 100>115", nil, "5 BROKEN, 5 PROVEN"},
		{"5 100>110, 5 110>130, 5 100>130", nil, "5 PROVEN, 5 PROVEN, 5 PROVEN"},
		// opened on the day on which the previous one closed
		{"5 100>130, 5-6 130>90, 6-7 90>80", nil, "5 PROVEN, 6 PROVEN, 7 PROVEN"},
		{"5 100>130, 6-7 90>80@7", nil, "5 PROVEN, 6 BROKEN, 7 PROVEN"},
		{"5 100>130, 6-7 90>80@6", nil, "5 PROVEN, 6–7 BROKEN"},
		// longer intervals and daily statements
		{"1 0>10, 2 10>20, 3 20>30, 1-3 0>30, 4-6 30>60, 6 50>60", nil, "1 PROVEN, 1–3 PROVEN, 2 PROVEN, 3 PROVEN, 4–6 PROVEN, 6 PROVEN"},
		{"1 0>10, 3 20>30, 1-3 0>30", nil, "1 PROVEN, 1–3 PROVEN, 3 PROVEN"},
		{"1 0>10, 2 10>20, 3 20>30, 1-3 0>31", nil, "1 PROVEN, 1–3 BROKEN, 2 PROVEN, 3 PROVEN"},
		{"1 0>10, 3 20>30, 5 40>50, 2-3 10>30", nil, "1 PROVEN, 2–3 PROVEN, 3 PROVEN, 4 BROKEN, 5 PROVEN"},
		{"1 0>10, 5 40>50, 3-5 20>50", nil, "1 PROVEN, 2 BROKEN, 3–5 PROVEN, 5 PROVEN"},
		{"1 0>10, 5 40>50, 3-5 10>50", nil, "1 PROVEN, 3–5 PROVEN, 5 PROVEN"},
		// without balances
		{"5 100>130, 6 ~20, 7 150>160", nil, "5 PROVEN, 6 CLAIMED, 7 PROVEN"},
		{"5 100>130, 6 ~20, 7 155>160", nil, "5 PROVEN, 6 BROKEN, 6 CLAIMED, 7 PROVEN"},
		{"5 100>130, 5 ~30, 6 130>160", nil, "5 CLAIMED, 5 PROVEN, 6 PROVEN"},
		{"5 ~20, 6 ~20", nil, "5 CLAIMED, 6 CLAIMED"},
	} {
		statements := parse(t, c.statements)
		for range 2 {
			links, gaps := chainOf(statements, c.expects, storedMovements{})
			if got := sortedStates(append(intervals(links), gaps...)); got != c.want {
				t.Errorf("%s:\n%s\nwant\n%s", c.statements, got, c.want)
			}
			slices.Reverse(statements)
		}
	}
}

// TestEntriesOutsideStatementDays judges statements with entries that are dated outside their days.
func TestEntriesOutsideStatementDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, final int
		state        State
		reason       string
	}{
		{10, 12, Proven, ""},
		{9, 12, Proven, "its balances hold, and it has entries that are dated 2024-03-09, outside of its days from 2024-03-10 to 2024-03-12"},
		{10, 19, Proven, "its balances hold, and it has entries that are dated 2024-03-19, outside of its days from 2024-03-10 to 2024-03-12"},
		{2, 13, Claimed, "its balances hold, and it has entries that are dated 2024-03-02 and 2024-03-13, outside of its days from 2024-03-10 to 2024-03-12"},
		{11, 20, Claimed, "its balances hold, and it has entries that are dated 2024-03-20, outside of its days from 2024-03-10 to 2024-03-12"},
	} {
		list := parse(t, "10-12 100>130")
		list[0].firstEntryDay, list[0].lastEntryDay = march(c.first), march(c.final)
		links, _ := chainOf(list, nil, storedMovements{})
		if got := links[0].interval; got.State != c.state || got.Reason != c.reason {
			t.Errorf("%d to %d: %s %s", c.first, c.final, got.State, got.Reason)
		}
	}
}

// TestAlteredBalanceBreaksItsStatementAlone alters a closing balance: the next statement still opens with the balance
// that the entries lead to.
func TestAlteredBalanceBreaksItsStatementAlone(t *testing.T) {
	t.Parallel()
	for _, alter := range []func(s *Statement){
		func(s *Statement) { s.Closing = "131.00" },
		func(s *Statement) { s.Opening = "99.00" },
		func(s *Statement) { s.Amount = "31.00" },
	} {
		list := parse(t, "4 90>100, 5 100>!130, 6 130>90")
		alter(list[1])
		links, gaps := chainOf(list, nil, storedMovements{})
		if got := sortedStates(append(intervals(links), gaps...)); got != "4 PROVEN, 5 BROKEN, 6 PROVEN" {
			t.Error(got)
		}
	}
}

// TestMissing finds the days without a statement that a calendar expects.
func TestMissing(t *testing.T) {
	t.Parallel()
	every := func(time.Time) bool { return true }
	odd := func(d time.Time) bool { return d.Day()%2 == 1 }
	for _, c := range []struct {
		statements, since, until, want string
		expects                        func(time.Time) bool
	}{
		{"5 0>0, 8 0>0", "", march(8), "6–7 UNKNOWN", every},
		{"5 0>0, 8 0>0", "", march(8), "7 UNKNOWN", odd},
		{"5 0>0", "", march(9), "6–9 UNKNOWN", every},
		{"5 0>0", "", march(4), "", every},
		{"2-6 0>0, 3 0>0", "", march(6), "", every},
		{"1 0>0, 4-8 0>0, 10 0>0", "", march(9), "2–3 UNKNOWN, 9 UNKNOWN", every},
		{"5 0>0", "", march(9), "", nil},
		{"5 0>0", march(3), march(6), "3–4 UNKNOWN, 6 UNKNOWN", every},
		{"5 0>0", march(7), march(6), "6 UNKNOWN", every},
		{"", march(3), march(6), "3–6 UNKNOWN", every},
		{"", "", march(6), "", every},
	} {
		var links []link
		if c.statements != "" {
			links, _ = chainOf(parse(t, c.statements), nil, storedMovements{})
		}
		if got := statesOf(missing(intervals(links), c.expects, "daily", c.since, c.until, nil)); got != c.want {
			t.Errorf("%s until %s: %s, want %s", c.statements, c.until, got, c.want)
		}
	}
}

// TestChainOfManyStatements judges a hundred thousand statements of one account: twenty years with many statements a
// day, and as many of one single day. Quadratic work would take minutes.
func TestChainOfManyStatements(t *testing.T) {
	t.Parallel()
	const days, each = 5000, 20
	var list, one []*Statement
	balance := statement.Sum{}
	for n := range days * each {
		from := time.Date(2004, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n/each).Format(time.DateOnly)
		s := &Statement{content: strconv.Itoa(n)}
		s.Kind, s.From, s.To, s.Opening, s.Amount, s.Entries = "statement", from, from, balance.String(), "0.01", 1
		balance.Add(s.Amount)
		s.Closing = balance.String()
		list = append(list, s)
		same := *s
		same.From, same.To = march(1), march(1)
		one = append(one, &same)
	}
	slices.Reverse(list)
	slices.Reverse(one)
	for _, all := range [][]*Statement{list, one} {
		links, gaps := chainOf(all, nil, storedMovements{})
		if len(gaps) > 0 || slices.ContainsFunc(links, func(l link) bool { return l.interval.State != Proven }) {
			t.Error("the chain does not hold")
		}
		if wrong := compareMovements(links, nil, nil); len(wrong) == 0 {
			t.Error("no entries are stored, and nothing is wrong")
		}
		if found := missing(intervals(links), func(time.Time) bool { return true }, "daily", "", "2024-12-31", nil); len(found) != 1 {
			t.Errorf("missing are %d intervals", len(found))
		}
	}
}

// TestChainKeepsSums computes a chain twice whose sums have more digits than a machine integer.
func TestChainKeepsSums(t *testing.T) {
	t.Parallel()
	c := &chain{closed: []*Statement{{Interval: Interval{Closing: "100000000000000000.00"}}}}
	c.unbalancedSum.Add("23456789012345678.90")
	next := &Statement{Interval: Interval{Opening: "123456789012345678.90"}}
	for range 2 {
		if !c.mayFollow(next) {
			t.Error("the balance does not follow on the entries")
		}
	}
	if got := c.unbalancedSum.String(); got != "23456789012345678.90" {
		t.Errorf("the entries sum to %s now", got)
	}
}

// TestNumbers judges statements with consecutive numbers, some of which are missing.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ numbers, reasons string }{
		{"1 2 3", "||"},
		{"1 2 4", "||statement 3 is missing by the bank's numbers"},
		{"1 2 5 6", "||statements 3 to 4 are missing by the bank's numbers|"},
		{"001 002 004", "||statement 3 is missing by the bank's numbers"},
		{"1 3", "|"},
		{"7 7 7", "||"},
		{"5 9 11 12", "|||"},
		{"9 10 1 2", "|||"},
		{"a b c", "||"},
	} {
		var text, reasons []string
		for i := range strings.Fields(c.numbers) {
			text = append(text, []string{"5 1>2", "6 2>3", "7 3>4", "8 4>5"}[i])
		}
		list := parse(t, strings.Join(text, ", "))
		for i, number := range strings.Fields(c.numbers) {
			list[i].Number = number
		}
		links, _ := chainOf(list, nil, storedMovements{})
		for _, l := range links {
			reasons = append(reasons, l.interval.Reason)
			if l.interval.State != Proven {
				t.Errorf("%s: %+v", c.numbers, l.interval)
			}
		}
		if got := strings.Join(reasons, "|"); got != c.reasons {
			t.Errorf("%s: %q, want %q", c.numbers, got, c.reasons)
		}
	}
}

// TestNumbersBesideGap has a gap in the balances where the numbers skip one: only the gap reports it.
func TestNumbersBesideGap(t *testing.T) {
	t.Parallel()
	list := parse(t, "5 1>2, 6 2>3, 8 4>5")
	list[0].Number, list[1].Number, list[2].Number = "1", "2", "4"
	links, gaps := chainOf(list, nil, storedMovements{})
	if len(gaps) != 1 || links[2].interval.Reason != "" {
		t.Errorf("%+v %+v", links[2].interval, gaps)
	}
}

// sortedStates lists intervals as statesOf does, sorted: those of one day may come in any order.
func sortedStates(list []Interval) string {
	slices.SortFunc(list, func(x, y Interval) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.State, y.State))
	})
	return statesOf(list)
}

// statesOf lists intervals as "day STATE" or "day–day STATE", with the day of the month alone.
func statesOf(intervals []Interval) string {
	list := make([]string, len(intervals))
	for i, x := range intervals {
		from, to := strings.TrimPrefix(x.From[8:], "0"), strings.TrimPrefix(x.To[8:], "0")
		if from != to {
			from += "–" + to
		}
		list[i] = from + " " + string(x.State)
	}
	return strings.Join(list, ", ")
}

func march(n int) string { return fmt.Sprintf("2024-03-%02d", n) }
