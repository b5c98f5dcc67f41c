// Ids of statements that do not balance stay the same in later versions: they cover the texts of faults.

package aggregate

import (
	"slices"
	"testing"
)

// TestIDsOfFaultyStatementsAreStable compares ids with those that projects have stored: where one differs, a statement that is sent again
// in another file is not recognised.
func TestIDsOfFaultyStatementsAreStable(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.declare("institution: own\ncsv:\n  account: C1\n  currency: EUR\n  columns: {booked: D, amount: A, reference: R}\n" +
		"  control: {row: last, count: {column: R}, sum: {column: A}}\n")
	h.imported(h.file("control.csv", "D,A,R\n2024-01-01,1,a\n2024-01-02,2,b\n,x,2.5\n"))
	h.imported(h.file("twice.ofx", downloaded(1, 5, "2.00", "F1 2 1", "F1 2 1")))
	h.imported(h.file("open.sta", ":20:A\n:25:NL91ABNA0417164300\n:28C:1\n:60F:C240101EUR1,00\n:61:2401020102C1,00NTRFNONREF//B1\n-\n"))
	want := []string{
		"223dfb157ab30ccda511b30e9c8e3286 the control row's count is no number: `2.5`; the control row's sum is no number: `x`",
		"a04ca5e7f542d8164febae411330a319",
		"e0fcf6b39fc65d845268d5b662f49ce8 FITID F1 names two entries of 1 that say the same: they count once",
	}
	if got := h.stored("statements", "id, fault"); !slices.Equal(got, want) {
		t.Errorf("the statements are %q, want %q", got, want)
	}
}
