// Plans the events of an order: what is ordered, shipped, paid and refunded, and its fault.

package shop

// Fault is the reason for which an order never reconciles.
type Fault uint8

// The faults an order can have.
const (
	NoFault Fault = iota
	Unpaid
	Unshipped
	Unordered
	Overpaid
	RefundShort
	faults // how many there are
)

var faultNames = [faults]string{
	"none", "payment missing", "shipment missing", "shipped without order", "overpaid", "refund too small",
}

// String describes the fault.
func (f Fault) String() string { return faultNames[f] }

// plannedEvent is one event of an order before it has an id and a time.
type plannedEvent struct {
	kind  Type
	cents int64
}

// open starts a new order: its first event happens now, the others later.
func (g *generator) open() event {
	order := g.opened
	g.opened++
	size := g.size(int(order))
	fault := g.fault(size)
	g.ledger.Orders[order].Fault = fault
	g.ledger.Orders[order].Currency = g.currencyOf(order)
	g.plan(size, fault)
	for _, p := range g.parts[1:] {
		g.schedule(order, p)
	}
	first := g.parts[0]
	return event{id: g.newID(), cents: first.cents, at: g.moment(int(order)), order: order, kind: first.kind}
}

// size returns an order's number of events. Pairs of consecutive orders share the accepted events evenly.
func (g *generator) size(order int) int {
	if g.partner > 0 {
		size := g.partner
		g.partner = 0
		return size
	}
	accepted, orders := g.options.mixture().accepted, g.options.Orders
	if order+1 == orders {
		return accepted - accepted*order/orders
	}
	both := accepted*(order+2)/orders - accepted*order/orders
	size := minOrderEvents + g.random.IntN(both-2*minOrderEvents+1)
	g.partner = both - size
	return size
}

func (g *generator) fault(size int) Fault {
	if g.random.IntN(10_000) >= unbalancedShare {
		return NoFault
	}
	fault := 1 + Fault(g.random.IntN(int(faults)-1))
	if fault == RefundShort && size == minOrderEvents {
		return Overpaid
	}
	return fault
}

// plan fills g.parts with size events, the first event first.
func (g *generator) plan(size int, fault Fault) {
	price := g.price(size)
	refunds, extra, back := 0, int64(0), int64(0)
	switch {
	case fault == Overpaid:
		extra = price/10 + 1
	case fault == RefundShort:
		refunds, extra, back = 1, price/5+2, price/10+1
	case fault == NoFault && size > minOrderEvents && g.random.IntN(10_000) < correctedShare:
		refunds, extra, back = 1, price/10+1, price/10+1
	}
	g.parts = g.parts[:0]
	if fault != Unordered {
		g.parts = append(g.parts, plannedEvent{Ordered, price})
	}
	left := size - len(g.parts) - refunds
	shipments := 1 + g.random.IntN(left-1)
	switch fault {
	case Unpaid:
		shipments = left
	case Unshipped:
		shipments = 0
	}
	g.split(Shipped, price, shipments)
	g.split(Paid, price+extra, left-shipments)
	g.split(Refunded, back, refunds)
}

// price returns a price in cents: mostly small, some high, a few very high, and at least one cent for each event.
func (g *generator) price(size int) int64 {
	price := 500 + g.random.Int64N(20_000)
	switch luck := g.random.IntN(1000); {
	case luck == 0:
		price *= 100
	case luck < 20:
		price *= 10
	}
	return price + int64(size)*100
}

// split adds count events of one type that sum to exactly cents, each at least one cent.
func (g *generator) split(kind Type, cents int64, count int) {
	for ; count > 1; count-- {
		mean := cents / int64(count)
		some := mean/2 + 1 + g.random.Int64N(mean)
		g.parts = append(g.parts, plannedEvent{kind, min(some, cents-int64(count-1))})
		cents -= g.parts[len(g.parts)-1].cents
	}
	if count == 1 {
		g.parts = append(g.parts, plannedEvent{kind, cents})
	}
}

// schedule sets the id and time of an event, and queues it until it is received.
func (g *generator) schedule(order uint32, p plannedEvent) {
	delay := g.delay()
	e := event{
		id: g.newID(), cents: p.cents, at: g.moment(int(order) + delay), order: order, kind: p.kind,
	}
	// Skipping a whole batch makes it at least a day late.
	batch := g.received + 2 + g.random.IntN(2)
	if batch < g.options.Batches && g.random.IntN(10_000) < lateShare {
		e.late = true
		g.window.late[batch] = append(g.window.late[batch], e)
		return
	}
	g.window.add(e, delay)
}
