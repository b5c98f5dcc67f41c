// Tests CSV files with an unreadable row, and whole files of the same days.

package aggregate

import (
	"fmt"
	"strings"
	"testing"
)

// TestWholeFileSupersedes imports a file with an unreadable row and a whole file that balances, in both orders: the
// whole file supersedes the other, unless it lacks days of it.
func TestWholeFileSupersedes(t *testing.T) {
	t.Parallel()
	const balances = ownCSV + "    balance: Balance\n"
	rows := func(list ...string) string { return "Day,Amount,Balance\n" + strings.Join(list, "\n") + "\n" }
	right := []string{"2024-03-04,10,110", "2024-03-05,-20,90", "2024-03-06,5,95", "2024-03-06,5,100"}
	with := func(n int, row string) []string {
		list := append([]string{}, right...)
		list[n] = row
		return list
	}
	for name, c := range map[string]struct {
		faulty, whole []string
		want          string
	}{
		"the first":               {with(0, "04/03,10,110"), right, "4–6 PROVEN"},
		"an amount":               {with(1, "2024-03-05,-20x,90"), right, "4–6 PROVEN"},
		"the last":                {with(3, "2024-03-06,5 5,100"), right, "4–6 PROVEN"},
		"and another is wrong":    {append(with(1, "2024-03-05,-20x,90"), "2024-03-06,7,107"), right, "4–6 PROVEN"},
		"the whole one is longer": {with(1, "2024-03-05,-20x,90"), append([]string{"2024-03-03,1,100"}, right...), "3–6 PROVEN"},
		"it is of other days":     {with(1, "2024-03-05,-20x,90"), right[:2], "4–5 PROVEN, 4–6 BROKEN"},
	} {
		for order := range 2 {
			t.Run(fmt.Sprint(name, " ", order), func(t *testing.T) {
				t.Parallel()
				h := newFixture(t, "")
				h.declare(balances)
				files := []string{h.file("faulty.csv", rows(c.faulty...)), h.file("whole.csv", rows(c.whole...))}
				for n := range files {
					h.imported(files[(n+order)%2])
				}
				a := h.judged("")[0]
				if got := states(a.Intervals); got != c.want {
					t.Errorf("it is %s, want %s: %+v", got, c.want, a)
				}
				if mended := !strings.Contains(c.want, "BROKEN"); mended && len(h.movements()) != len(c.whole) {
					t.Errorf("there are %q", h.movements())
				}
			})
		}
	}
}
