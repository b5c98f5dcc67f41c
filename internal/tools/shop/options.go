// The demonstration's options, their defaults and limits, and the resulting number of rows of each kind.

package shop

import "fmt"

// Options are the options of Demo. Zero fields take the defaults.
type Options struct {
	Seed    uint64 // the generated data depend on it and on the other options only
	Events  int    // rows of all batches, including rejected and repeated ones; 2,000,000 by default, 100 to 10^9
	Orders  int    // a quarter of Events by default; an order has at least three events
	Batches int    // number of files, in order of receipt, one per day; 10 by default
}

// How often things go wrong. Shares are of 10,000.
const (
	duplicateShare  = 200 // rows that repeat an accepted event
	malformedShare  = 40  // rows that fail the schema check
	lateShare       = 100 // events received a day or more after they happened
	unbalancedShare = 100 // orders that never reconcile
	correctedShare  = 500 // orders that are overpaid and refunded
	conflictEvery   = 100_000
	minOrderEvents  = 3 // events: what was ordered, shipped and paid
)

// rowCounts is the number of rows of each kind in a demonstration.
type rowCounts struct {
	duplicates, conflicts, malformed, accepted int
}

// withDefaults sets the defaults and checks the options.
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

// mixture returns the number of rows of each kind: at least one of each, and each kind of damage at least once.
func (o Options) mixture() rowCounts {
	m := rowCounts{
		duplicates: o.Events*duplicateShare/10_000 + 1,
		conflicts:  o.Events/conflictEvery + 1,
		malformed:  o.Events*malformedShare/10_000 + len(damageKinds),
	}
	m.accepted = o.Events - m.duplicates - m.conflicts - m.malformed
	return m
}

// firstRow returns the number of rows before a batch; batches are counted from 0.
func (o Options) firstRow(batch int) int { return o.Events * batch / o.Batches }

// fileName returns a batch's path inside the project folder. Names sort in order of receipt.
func (o Options) fileName(batch int) string {
	width := max(2, len(fmt.Sprint(o.Batches)))
	return fmt.Sprintf("data/batch-%0*d.jsonl", width, batch+1)
}
