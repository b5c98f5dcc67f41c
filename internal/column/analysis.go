// What an SQL expression says of the columns it is over, as far as it can be read without being evaluated.

package column

import "strings"

// Analysis is what an expression says.
type Analysis struct {
	Columns    []string // those that its value is made of: columns that are only compared are left out
	Conditions []Condition
}

// Condition is a comparison of a column with constants, anywhere in an expression.
type Condition struct {
	Column string
	Values []string // the constants, texts without their quotes
	Texts  bool     // all of them are texts
	Null   bool     // it is never true, as one of them is null
	Equal  bool     // the column is one of the values, else none of them
	Always bool     // the expression is true only where the condition is
}

// IsOn reports whether the condition is one on a column. SQL names have no case.
func (c *Condition) IsOn(name string) bool { return strings.EqualFold(c.Column, name) }

// Pins reports whether an expression is true for at most one value of a column.
func (r *Analysis) Pins(name string) bool {
	for i := range r.Conditions {
		if c := &r.Conditions[i]; c.IsOn(name) && c.Always && c.Equal && len(c.Values) == 1 {
			return true
		}
	}
	return false
}

// Uses reports whether an expression's value is made of a column.
func (r *Analysis) Uses(name string) bool {
	for _, used := range r.Columns {
		if strings.EqualFold(used, name) {
			return true
		}
	}
	return false
}
