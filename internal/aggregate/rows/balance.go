// Decides which of a statement's balances opens it and which closes it.

package rows

import (
	"slices"

	"bursar/internal/aggregate/format/statement"
)

// bounds are the positions of the balances that open and close a statement; -1 if there is none. booked reports that
// they are booked balances, so that the booked entries lead from one to the other.
type bounds struct {
	opening, closing int
	booked           bool
}

// balanceFamilies are the balances that belong together, in order of preference: booked, else available. Within a family the
// codes are candidates in order of preference. If a code occurs several times, the earliest opens and the latest closes. An
// interim balance opens where it comes first and closes where it comes last, unless its subtype says which of the two it is.
var balanceFamilies = []struct {
	booked           bool
	opening, closing []string
}{
	{true, []string{statement.OpeningBooked, statement.PreviousClosing, statement.InterimBooked}, []string{statement.ClosingBooked, statement.InterimBooked}},
	{false, []string{statement.OpeningAvailable, statement.InterimAvailable}, []string{statement.ClosingAvailable, statement.InterimAvailable}},
}

// boundsOf finds the family of which a statement states most.
func boundsOf(balances []statement.Balance) bounds {
	best, most := bounds{-1, -1, false}, 0
	for _, sort := range balanceFamilies {
		b := bounds{firstBalance(balances, sort.opening), lastBalance(balances, sort.closing), sort.booked}
		if b.closing == b.opening {
			b.closing = -1
		}
		n := 0
		for _, at := range []int{b.opening, b.closing} {
			if at >= 0 {
				n++
			}
		}
		if n > most {
			best, most = b, n
		}
	}
	return best
}

// firstBalance is the earliest balance of the first of these codes that there is one of, and lastBalance the latest; -1 if there is none.
func firstBalance(balances []statement.Balance, codes []string) int {
	return findBalance(balances, codes, closingPage, func(date, best string) bool { return date < best })
}

func lastBalance(balances []statement.Balance, codes []string) int {
	return findBalance(balances, codes, openingPage, func(date, best string) bool { return date >= best })
}

func findBalance(balances []statement.Balance, codes, otherPage []string, isBetter func(date, best string) bool) int {
	for _, code := range codes {
		at := -1
		for i := range balances {
			b := &balances[i]
			if b.Code == code && !slices.Contains(otherPage, b.Subtype) && (at < 0 || isBetter(b.Date, balances[at].Date)) {
				at = i
			}
		}
		if at >= 0 {
			return at
		}
	}
	return -1
}

// The subtypes of balances of one page: those of MT940, and the opening and closing interim balances of CAMT.
var (
	openingPage = []string{openingMT940, "OIBD"}
	closingPage = []string{"62M", "CIBD"}
)

const openingMT940 = "60M"

// position is the value of the column position.
func (b bounds) position(i int) string {
	switch i {
	case b.opening:
		return "opening"
	case b.closing:
		return "closing"
	}
	return "other"
}
