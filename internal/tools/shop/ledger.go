// The ledger: the expected result of every batch and every order, in whole cents, kept while generating.
//
// Duplicates and conflicts follow the order of receipt: the first row of an id that passes the schema check is accepted, a
// later one with equal columns is a duplicate, and a later one with different columns is a conflict and quarantined. A
// damaged row does not use up its id.

package shop

import (
	"cmp"
	"slices"
)

// Ledger is the expected result of a generated shop.
type Ledger struct {
	Seed    uint64
	Batches []Batch // in order of receipt
	Orders  []Order // by number; OrderID returns their ids
}

// Batch is the expected report of intake for one file.
type Batch struct {
	File       string // path inside the project folder, with slashes
	Rows       int64
	Accepted   int64
	Duplicates int64
	Conflicts  int64                    // quarantined: an accepted id again, with another amount
	Malformed  int64                    // quarantined: damaged rows
	Late       int64                    // accepted, a day or more after they happened
	Cents      [currencies][types]int64 // of the accepted events
}

// Order is the artifact of one order. Cents and Events are by Type.
type Order struct {
	Cents    [types]int64
	Events   [types]int32
	First    int64  // Unix milliseconds of its first event
	Last     int64  // and of its last
	LastID   uint64 // the greatest event id at Last
	LastType Type   // the type of that event
	Currency Currency
	Fault    Fault
}

func newLedger(options Options) *Ledger {
	l := &Ledger{
		Seed:    options.Seed,
		Batches: make([]Batch, options.Batches),
		Orders:  make([]Order, options.Orders),
	}
	for i := range l.Batches {
		l.Batches[i].File = options.fileName(i)
	}
	return l
}

func (l *Ledger) addAccepted(batch int, e event) {
	order := &l.Orders[e.order]
	entry := &l.Batches[batch]
	entry.Accepted++
	entry.Cents[order.Currency][e.kind] += e.cents
	if e.late {
		entry.Late++
	}
	order.add(e)
}

func (o *Order) add(e event) {
	if o.First == 0 || e.at < o.First {
		o.First = e.at
	}
	if e.at > o.Last || e.at == o.Last && e.id > o.LastID {
		o.Last, o.LastID, o.LastType = e.at, e.id, e.kind
	}
	o.Cents[e.kind] += e.cents
	o.Events[e.kind]++
}

// Balance is the amount that the customer still owes for shipped goods, in cents; a negative amount is owed by the shop.
func (o *Order) Balance() int64 { return o.Cents[Shipped] - o.Cents[Paid] + o.Cents[Refunded] }

// Open reports whether the order does not reconcile.
func (o *Order) Open() bool { return o.Balance() != 0 || o.Cents[Shipped] != o.Cents[Ordered] }

// Status is the artifact's status.
func (o *Order) Status() string {
	if o.Open() {
		return "open"
	}
	return "reconciled"
}

// Quarantined is the number of rows that are neither accepted nor duplicates.
func (b *Batch) Quarantined() int64 { return b.Conflicts + b.Malformed }

// Totals is the batch's control total of amount, by currency, as intake prints it.
func (b *Batch) Totals() map[string]string {
	totals := map[string]string{}
	for currency, byType := range b.Cents {
		var sum int64
		for _, cents := range byType {
			sum += cents
		}
		if sum != 0 { // amounts are positive, so a sum is 0 only without events
			totals[Currency(currency).String()] = Cents(sum)
		}
	}
	return totals
}

// Total is the sum of all batches; its File is empty.
func (l *Ledger) Total() Batch {
	var total Batch
	for i := range l.Batches {
		b := &l.Batches[i]
		total.Rows += b.Rows
		total.Accepted += b.Accepted
		total.Duplicates += b.Duplicates
		total.Conflicts += b.Conflicts
		total.Malformed += b.Malformed
		total.Late += b.Late
		for currency, byType := range b.Cents {
			for kind, cents := range byType {
				total.Cents[currency][kind] += cents
			}
		}
	}
	return total
}

// OrderID is the id in the events of Orders[order].
func (l *Ledger) OrderID(order int) string { return string(appendOrderID(nil, l.Seed, uint32(order))) }

// Open is the number of orders that do not reconcile.
func (l *Ledger) Open() int {
	open := 0
	for i := range l.Orders {
		if l.Orders[i].Open() {
			open++
		}
	}
	return open
}

// Exception is an order that does not reconcile.
type Exception struct {
	OrderID  string
	Currency Currency
	Balance  int64 // cents
	Fault    Fault
}

// Largest returns the n open orders with the greatest absolute balance, the greatest first, then by order id. Amounts of
// different currencies are compared as numbers.
func (l *Ledger) Largest(n int) []Exception {
	var open []Exception
	for i := range l.Orders {
		if o := &l.Orders[i]; o.Open() {
			open = append(open, Exception{l.OrderID(i), o.Currency, o.Balance(), o.Fault})
		}
	}
	slices.SortFunc(open, func(a, b Exception) int {
		return cmp.Or(cmp.Compare(abs(b.Balance), abs(a.Balance)), cmp.Compare(a.OrderID, b.OrderID))
	})
	return open[:min(n, len(open))]
}

func abs(cents int64) int64 { return max(cents, -cents) }
