// What a control row is held against.

package csvfile

import (
	"math/big"
	"strings"

	"bursar/internal/aggregate/statement"
)

// scope is the rows that one control row is about: all between it and the control row, or the end of the file, on their
// side of it.
type scope struct {
	control             *row // nil until it has come
	rows                int64
	sum                 statement.Sum
	unreadable          bool // the amount of a row cannot be read
	hash                big.Int
	statements          int   // begun in it
	previousControlLine int64 // the line of the control row that the scope before it ended with; 0 if there is none
}

var hashModulus = new(big.Int).Exp(big.NewInt(10), big.NewInt(maxHash), nil)

// add takes a row in.
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

// onlyDigits leaves only them.
func onlyDigits(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, text)
}
