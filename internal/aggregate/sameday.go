// Several statements of the same days.

package aggregate

// sameDay judges one of several statements of a day: it continues another, or says the same again.
func (c *chain) sameDay(l *link) finding {
	alike := c.spans[span{l.From, l.To, l.Opening}]
	for _, other := range alike {
		if other.Closing == l.Closing && other.Entries == l.Entries && other.said == l.said {
			l.repeated = true
			return finding{}
		}
	}
	l.overlaps = len(alike) > 0
	if last := c.last(); last.Closing == l.Opening {
		// A day that ends where it began: one of the two may have been made early, unless another one goes on with what this one closes with.
		if last.Opening == l.Opening && !c.divides(l.told) {
			c.extends(l.told, last)
		}
		return finding{}
	}
	if len(alike) > 0 && c.divides(l.told) {
		return finding{}
	}
	if len(alike) > 0 && c.extends(l.told, alike[0]) {
		return finding{}
	}
	if len(alike) > 0 && (alike[0].Closing != l.Closing || alike[0].Amount != l.Amount) {
		other := alike[0]
		return found("same days", "%s (%s) says otherwise of the same days: %d entries of %s, closing with %s; here %d of %s, closing with %s",
			other.File, other.Place, other.Entries, other.Amount, other.Closing, l.Entries, l.Amount, l.Closing)
	}
	l.overlaps = true
	return c.overlap(l.told)
}

// divides reports whether statements of the same days may be parts of one another: another one opens or closes with what this
// one closes with.
func (c *chain) divides(s *told) bool {
	at := span{s.From, s.To, s.Closing}
	if s.Opening == s.Closing {
		return c.opens[at] > 1
	}
	return c.opens[at] > 0 || c.closes[at] > 1
}
