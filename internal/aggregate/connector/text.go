// Texts and amounts of institutions, in the form in which they are delivered.

package connector

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"bursar/internal/aggregate/format/statement"
)

// Limits of the warnings of a Changes.
const (
	maxWarnings     = 20
	maxWarningBytes = 300
)

// Warn adds a message of the institution, once, within the limits of Warnings.
func (c *Changes) Warn(text string) {
	text = Clean(text, maxWarningBytes)
	if text != "" && len(c.Warnings) < maxWarnings && !slices.Contains(c.Warnings, text) {
		c.Warnings = append(c.Warnings, text)
	}
}

// Clean returns a text of an institution for people: valid UTF-8 of at most so many bytes, in one line, without characters that are not printed.
func Clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		const mark = "…"
		text = statement.Brief(text, most-len(mark))
	}
	return text
}

// exponential is a number of JSON with an exponent that is small enough to be written out.
var exponential = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,40})?[eE][+-]?[0-9]{1,2}$`)

// Amount returns a number as a plain decimal (rule 2), or false if it is not one that columns of amounts can hold: 1.5e2 is 150.
func Amount(text string) (amount string, ok bool) {
	text = strings.TrimSpace(text)
	if !exponential.MatchString(text) {
		return statement.Amount(text, '.')
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return text, false
	}
	written := exact.FloatString(statement.Scale)
	if back, ok := new(big.Rat).SetString(written); !ok || back.Cmp(exact) != 0 {
		return text, false
	}
	return statement.Amount(strings.TrimSuffix(strings.TrimRight(written, "0"), "."), '.')
}
