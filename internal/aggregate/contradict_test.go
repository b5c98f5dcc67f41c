// Tests CSV files that contradict each other: the account is BROKEN in either order, and right once the wrong one is retracted.

package aggregate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// TestWrongFileIsRetracted imports a wrong file and the right one of the same days in both orders, retracts the wrong
// one, and imports again what was in conflict with it.
func TestWrongFileIsRetracted(t *testing.T) {
	t.Parallel()
	const (
		bare     = ownCSV + "    text: Text\n"
		balances = bare + "    balance: Balance\n"
		unique   = balances + "    reference: Ref\n  unique: true\n"
	)
	right := []string{"2024-03-04,A,10,110", "2024-03-05,B,-20,90", "2024-03-06,C,5,95"}
	with := func(n int, row string) []string {
		list := slices.Clone(right)
		list[n] = row
		return list
	}
	before := []string{"2024-02-28,0,1,100"}
	for name, c := range map[string]struct {
		mapping string
		prev    []string
		wrong   []string
	}{
		"another amount, no balances":              {bare, nil, with(1, "2024-03-05,B,-25,90")},
		"another row, no balances":                 {bare, nil, append(with(1, "2024-03-05,D,-21,90"), "2024-03-06,E,1,96")},
		"the first amount, by which it opens":      {balances, before, with(0, "2024-03-04,A,1,110")},
		"an amount, its reference names the entry": {unique, nil, with(1, "2024-03-05,B,-25,90")},
		"a day, its reference names the entry":     {unique, nil, with(1, "2024-03-12,B,-20,90")},
		"a day":                                    {balances, nil, with(1, "2024-03-12,B,-20,90")},
	} {
		for order := range 2 {
			t.Run(fmt.Sprint(name, " ", order), func(t *testing.T) {
				t.Parallel()
				h := newFixture(t, "")
				h.declare(c.mapping)
				rows := func(name string, list []string) string {
					lines := []string{"Day,Ref,Amount,Balance,Text"}
					for _, row := range list {
						lines = append(lines, row+","+strings.Split(row, ",")[1])
					}
					return h.file(name, strings.Join(lines, "\n")+"\n")
				}
				if c.prev != nil {
					h.imported(rows("prev.csv", c.prev))
				}
				files := []string{rows("wrong.csv", c.wrong), rows("right.csv", right)}
				h.imported(files[order])
				h.imported(files[1-order])
				if got := states(h.judged("")[0].Intervals); !strings.Contains(got, "BROKEN") {
					t.Errorf("before it is %s: %+v", got, h.judged("")[0])
				}
				r, err := h.importer.Retract(t.Context(), files[0], "wrong")
				if err != nil {
					t.Fatal(err)
				}
				h.imported(files[1])
				if order == 0 && strings.Contains(name, "names the entry") != (len(r.ImportAgain) == 1) {
					t.Errorf("to be imported again are %q", r.ImportAgain)
				}
				a := h.judged("")[0]
				want := fmt.Sprint(len(right) + len(c.prev))
				if got := fmt.Sprint(len(h.movements())); got != want || a.States[completeness.Broken] > len(c.prev) {
					t.Errorf("%s entries count, want %s: %q, %s: %+v", got, want, h.movements(), states(a.Intervals), a.Intervals)
				}
				sum := "-5.00"
				if c.prev != nil {
					sum = "-4.00"
				}
				if got := h.sum("entries", "amount"); got != sum {
					t.Errorf("the entries come to %s, want %s", got, sum)
				}
			})
		}
	}
}
