// The totals of the rows that a control row covers.

package csvfile

import (
	"math/big"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// scope is the set of rows that one control row covers: all rows between it and the next control row, or the start or
// end of the file.
type scope struct {
	control             *row // nil until it is read
	rows                int64
	sum                 statement.Sum
	unreadable          bool // an amount cannot be read
	hash                big.Int
	statements          int   // begun in the scope
	previousControlLine int64 // line of the control row that ended the previous scope; 0 if there is none
}

var hashModulus = new(big.Int).Exp(big.NewInt(10), big.NewInt(maxHash), nil)

// add adds a row.
func (s *scope) add(decimal, number string, hashed bool) {
	s.rows++
	s.unreadable = !s.sum.Add(decimal) || s.unreadable
	if !hashed {
		return
	}
	number = onlyDigits(number)
	if n, ok := new(big.Int).SetString(number[max(0, len(number)-maxHash):], 10); ok {
		s.hash.Mod(s.hash.Add(&s.hash, n), hashModulus)
	}
}

// onlyDigits removes all characters but digits.
func onlyDigits(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, text)
}
