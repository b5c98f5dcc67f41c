// What is known about an SQL expression without evaluating it, and when it is evaluated.

package column

import (
	"slices"
	"strings"
)

// Analysis is what is known about an SQL expression without evaluating it: which columns it uses and compares.
type Analysis struct {
	Columns    []string // those that its value depends on; columns that are only compared are left out
	Conditions []Condition
}

// Condition is a comparison of a column with constants, anywhere in an expression.
type Condition struct {
	Column string
	Values []string // the constants, texts without quotes
	Texts  bool     // all of them are texts
	Null   bool     // it is never true, because a constant is null
	Equal  bool     // true: the column equals one of the values; false: none of them
	Always bool     // the expression is true only if the condition is
}

// IsOn reports whether the condition is on the named column. SQL names are not case-sensitive.
func (c *Condition) IsOn(name string) bool { return strings.EqualFold(c.Column, name) }

// Pins reports whether an expression is true for at most one value of a column.
func (r *Analysis) Pins(name string) bool {
	return slices.ContainsFunc(r.Conditions, func(c Condition) bool { return c.IsOn(name) && c.Always && c.Equal && len(c.Values) == 1 })
}

// Uses reports whether the value of an expression depends on a column.
func (r *Analysis) Uses(name string) bool {
	return slices.ContainsFunc(r.Columns, func(used string) bool { return strings.EqualFold(used, name) })
}

// Evaluation is the time at which an SQL expression is evaluated.
type Evaluation uint8

// The times of evaluation.
const (
	AtIntake  Evaluation = iota // for each ingested event; if it fails the event is quarantined
	InRuns                      // in every run and rebuild: always with the same result, and it must not fail on any text
	InQueries                   // in queries: as in runs, but it may read the clock
)
