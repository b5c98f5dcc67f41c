// The demonstration's options: their defaults and limits, and how many rows of each sort they come to.

package shop

import "fmt"

// Options says what Demo generates. Zero fields take the defaults.
type Options struct {
	Seed    uint64 // everything generated depends on it and on the other options only
	Events  int    // rows of all batches together, rejected and repeated ones included; 2,000,000 by default, 100 to 10^9
	Orders  int    // a quarter of Events by default; an order takes three events at least
	Batches int    // files, in order of receipt, a day each; 10 by default
}

// How often things go wrong. Shares are of 10,000.
const (
	duplicateShare  = 200 // rows that repeat an accepted event
	malformedShare  = 40  // rows that no schema check lets pass
	lateShare       = 100 // events received a day or more after they happened
	unbalancedShare = 100 // orders that never reconcile
	correctedShare  = 500 // orders paid too high, whose difference is refunded
	conflictEvery   = 100_000
	minOrderEvents  = 3 // events: what was ordered, shipped and paid
)

// rowCounts is how many rows of each sort a whole demonstration has.
type rowCounts struct {
	duplicates, conflicts, malformed, accepted int
}

// withDefaults is the options with defaults in place, checked.
func (o Options) withDefaults() (Options, error) {
	if o.Events == 0 {
		o.Events = 2_000_000
	}
	if o.Orders == 0 {
		o.Orders = o.Events / 4
	}
	if o.Batches == 0 {
		o.Batches = 10
	}
	if o.Events < 100 || o.Events > 1_000_000_000 {
		return o, fmt.Errorf("events: %d is not within 100 to 1,000,000,000", o.Events)
	}
	if most := min(o.Events/10, 10_000); o.Batches < 1 || o.Batches > most {
		return o, fmt.Errorf("batches: %d is not within 1 to %d, for %d events", o.Batches, most, o.Events)
	}
	if most := o.mixture().accepted / minOrderEvents; o.Orders < 1 || o.Orders > most {
		return o, fmt.Errorf("orders: %d is not within 1 to %d, a third of the accepted events", o.Orders, most)
	}
	return o, nil
}

// mixture has at least one row of every sort, and each kind of damage at least once.
func (o Options) mixture() rowCounts {
	m := rowCounts{
		duplicates: o.Events*duplicateShare/10_000 + 1,
		conflicts:  o.Events/conflictEvery + 1,
		malformed:  o.Events*malformedShare/10_000 + len(damageKinds),
	}
	m.accepted = o.Events - m.duplicates - m.conflicts - m.malformed
	return m
}

// firstRow is the number of rows before a batch, counted from 0.
func (o Options) firstRow(batch int) int { return o.Events * batch / o.Batches }

// fileName is a batch's path inside the project folder; names sort in order of receipt.
func (o Options) fileName(batch int) string {
	width := max(2, len(fmt.Sprint(o.Batches)))
	return fmt.Sprintf("data/batch-%0*d.jsonl", width, batch+1)
}
