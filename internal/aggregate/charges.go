// What banks take for their services, and state beside the amounts.

package aggregate

import "bursar/internal/aggregate/statement"

// charges adds up those of an entry's details. Its zero value is none.
type charges struct {
	stated, strange bool
	all, included   statement.Sum
}

// add takes in what is stated of a detail or an entry; nil is nothing.
func (c *charges) add(s *statement.Charges) {
	if s == nil {
		return
	}
	c.stated = true
	if s.Strange || !c.all.Add(s.All) || !c.included.Add(s.Included) {
		c.strange = true
	}
}

// explain tells whether charges may be what lies between an entry and the sum of its details: those of the details, those of
// the entry, or both; all of them, those that are said to be included, or the others, as banks use that word either way.
// Charges that cannot be added up may be anything.
func (c *charges) explain(rest *statement.Sum, entry *statement.Charges) bool {
	var own, both charges
	own.add(entry)
	both.all.Plus(&c.all)
	both.all.Plus(&own.all)
	both.included.Plus(&c.included)
	both.included.Plus(&own.included)
	both.stated, both.strange = c.stated && own.stated, c.strange || own.strange
	return both.strange || c.equal(rest) || own.equal(rest) || both.equal(rest)
}

// equal tells whether the charges come to a sum.
func (c *charges) equal(sum *statement.Sum) bool {
	if !c.stated {
		return false
	}
	var all, included, others statement.Sum
	all.Plus(&c.all)
	included.Plus(&c.included)
	others.Plus(&c.all)
	others.Minus(&c.included)
	for _, s := range []*statement.Sum{&all, &included, &others} {
		if s.Minus(sum); s.Sign() == 0 {
			return true
		}
	}
	return false
}
