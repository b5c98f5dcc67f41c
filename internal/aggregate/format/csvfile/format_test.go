// Tests of the declared forms of amounts, statuses and notes, and of interleaved accounts.

package csvfile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// TestWrittenAmounts reads one amount in each case.
func TestWrittenAmounts(t *testing.T) {
	t.Parallel()
	const head = "account: LT62\ncurrency: EUR\ndelimiter: ;\ndecimal: \",\"\ngroup: \".\"\nprefix: [EUR, \"€\", \"$\"]\nsuffix: [\"€\", EUR, Euro]\n" +
		"columns: {booked: D, amount: A}\n"
	plain := newReader(t, head+"negative: [\"(*)\", \"* S\", \"*DR\", \"*-\"]\nplaceholder: [\"-\", n/a]\n")
	directed := newReader(t, head+"negative: \"* S\"\npositive: \"* H\"\n")
	for _, c := range []struct {
		r                  *Reader
		text, want, reason string
	}{
		{plain, "-1.000,00 €", "-1000.00", ""},
		{plain, "€ 3,00", "3.00", ""},
		{plain, "€-3,00", "-3.00", ""},
		{plain, "-€ 3,00", "-3.00", ""},
		{plain, "EUR 3,00-", "-3.00", ""},
		{plain, "3,00- EUR", "-3.00", ""},
		{plain, "3,00 EUR-", "-3.00", ""},
		{plain, "3,00\u00a0€", "3.00", ""},
		{plain, "(12,00)", "-12.00", ""},
		{plain, "( € 12,00 )", "-12.00", ""},
		{plain, "€(12,00)", "-12.00", ""},
		{plain, "5,00 S", "-5.00", ""},
		{plain, "5,00S", "-5.00", ""},
		{plain, "5,00 EUR S", "-5.00", ""},
		{plain, "5,00 DR", "-5.00", ""},
		{plain, "\u22126,00", "-6.00", ""},
		{plain, "\u2212 6,00", "-6.00", ""},
		{plain, "4,00-", "-4.00", ""},
		{plain, "+4,00", "4.00", ""},
		{plain, "(-4,00)", "(-4,00)", "not a number"},
		{plain, "((4,00))", "((4,00))", "not a number"},
		{plain, "EUR 4,00 EUR", "EUR 4,00 EUR", "not a number"},
		{plain, "$4,00", "$4,00", "another currency"},
		{plain, "£4,00", "£4,00", "declare `prefix: [\"£\"]`"},
		{plain, "4,00 USD", "4,00 USD", "declare `suffix: [\"USD\"]`"},
		{plain, "4,00 H", "4,00 H", "`positive: [\"* H\"]`"},
		{plain, "none", "none", "declare `placeholder: [\"none\"]`"},
		{plain, "-", "", "is empty"},
		{plain, "n/a", "", "is empty"},
		{plain, "4.00", "`4.00`", "declare `decimal` and `group`"},
		{directed, "5,00 H", "5.00", ""},
		{directed, "5,00 S", "-5.00", ""},
		{directed, "-5,00", "-5.00", ""},
		{directed, "0,00", "0.00", ""},
		{directed, "5,00", "5,00", "neither a sign nor a form"},
		{directed, "5", "`5`", "neither a sign nor a form"},
		{directed, "(5,00)", "(5,00)", "declare `negative: [\"(*)\"]`"},
	} {
		e := readAll(t, c.r, "D;A\n2024-01-02;"+c.text+"\n").Statements[0].Entries[0]
		reason := ""
		if e.Refused != nil {
			reason = e.Refused.Reason
		}
		if e.Amount != c.want || (reason == "") != (c.reason == "") || !strings.Contains(reason, c.reason) {
			t.Errorf("%q is %q, %s; want %q, %s", c.text, e.Amount, reason, c.want, c.reason)
		}
	}
}

// TestStatusesAndNotes reads rows of every status, notes among them, and a first line that states the delimiter.
func TestStatusesAndNotes(t *testing.T) {
	t.Parallel()
	r := newReader(t, `
account: LT62
currency: EUR
date: ["%d.%m.%Y", "%m.%d.%Y", "%d.%m.%Y %H:%M"]
notes: [Posted, "Total*"]
columns: {booked: D, value: V, amount: A, reference: R, balance: B, status: {column: S, booked: [DONE, ""], pending: PENDING, ignored: [REVERTED]}}
unique: true
`)
	checkRead(t, r, "sep=|\r\nD|V|A|R|B|S\nPosted\n13.01.2024||1|a|11|DONE\n|14.01.2024|2|b||PENDING\n|14.01.2024|3|c|9|REVERTED\n"+
		"||4|d||PENDING\n05.05.2024 10:00||5|e|16|\n01.02.2024||6|f|22|DONE\n|14.01.2024|7|g||LOST\nTotal 17\nTotal|of all\n", `
statement at=4:1 account=LT62 currency=EUR fault=line 9 cannot be read: column `+"`D` is `01.02.2024`"+`: written %d.%m.%Y it is 2024-02-01, and written %m.%d.%Y it is 2024-01-02: declare one of the two
entry at=4:1 amount=1 booked=2024-01-13 reference=a unique=yes
entry at=5:1 amount=2 value=2024-01-14 reference=b status=PDNG
entry at=8:1 amount=5 booked=2024-05-05 reference=e unique=yes
entry at=9:1 amount=6 booked=`+"`01.02.2024`"+` reference=f unique=yes refused=day
entry at=10:1 amount=7 LOST booked=`+"``"+` value=2024-01-14 reference=g unique=yes refused=status
notice at=6:1 what=row left out value=REVERTED count=1
notice at=7:1 what=pending row without a date value=PENDING count=1
notice at=3:1 what=note among the rows value=Posted count=1
notice at=11:1 what=note among the rows value=Total* count=2
`)
}

// TestInterleavedRows reads interleaved rows of many accounts: with any memory limit the result is that of sorted
// rows, and no file is left.
func TestInterleavedRows(t *testing.T) {
	t.Parallel()
	const mapping = "account: {column: A}\ncurrency: {column: C}\ncolumns: {booked: D, amount: M, reference: R, balance: B}"
	const seed = 1
	random := rand.New(rand.NewPCG(seed, 1))
	var interleaved strings.Builder
	sorted, balances := map[string]string{}, map[string]int{}
	var order []string
	interleaved.WriteString("A,C,D,M,R,B\n")
	for i := range 3000 {
		key := fmt.Sprintf("acc%d,%s", random.IntN(50), []string{"EUR", "USD"}[random.IntN(2)])
		if sorted[key] == "" {
			order = append(order, key)
		}
		balances[key] += i
		line := fmt.Sprintf("%s,2024-01-%02d,%d,\"r\n%d\",%d\n", key, 1+i/150, i, i, balances[key])
		sorted[key] += line
		interleaved.WriteString(line)
	}
	text := "A,C,D,M,R,B\n"
	for _, key := range order {
		text += sorted[key]
	}
	want := withoutPlaces(readAll(t, newReader(t, mapping), text))
	for _, limit := range []int{1, 1000, 1 << 20} {
		r := newReader(t, mapping)
		recorder := statementtest.NewRecorder(t)
		table, err := openTable(strings.NewReader(interleaved.String()), statement.Buffer(nil), r.mapping)
		if err != nil {
			t.Fatal(err)
		}
		g := newEmitter(r, table, recorder)
		g.spool.limit = limit
		if err := g.emitAll(); err != nil {
			t.Fatal(err)
		}
		if got := withoutPlaces(recorder); got != want {
			t.Errorf("with %d bytes in memory, seed %d, the interleaved rows are read as\n%.2000s\nwant\n%.2000s", limit, seed, got, want)
		}
		if left, err := os.ReadDir(r.scratch); err != nil || len(left) > 0 {
			t.Errorf("files left: %v, %v", left, err)
		}
	}
}

// withoutPlaces renders the recorded statements without their places.
func withoutPlaces(r *statementtest.Recorder) string {
	for i := range r.Statements {
		s := &r.Statements[i]
		s.Place = statement.Place{}
		for j := range s.Entries {
			s.Entries[j].Place = statement.Place{}
		}
		for j := range s.Balances {
			s.Balances[j].Place = statement.Place{}
		}
	}
	return render(r)
}
