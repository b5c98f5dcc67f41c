// Plans the events of an order: what is ordered, shipped, paid and refunded, and its fault. Writes their lines, and damages lines.

package shop

import (
	"bytes"
	"time"
)

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

var channels = [4]string{"web", "app", "store", "phone"}

// notes are JSON strings with typical free text: quotes, escapes, other scripts.
var notes = [4]string{`"gift"`, `"leave \"at the door\""`, `"p\u0159edat sousedovi"`, `"für Zoë 🎁"`}

// currencyOf is the currency of all events of an order: of ten orders, six are in dollars, three in euros and one in pounds.
func (g *generator) currencyOf(order uint32) Currency {
	switch share := g.traits(order) >> 40 % 10; {
	case share < 3:
		return 1
	case share < 4:
		return 2
	}
	return 0
}

// traits are random bits for what all events of an order share.
func (g *generator) traits(order uint32) uint64 {
	return mixBits(mixBits(g.options.Seed) ^ uint64(order))
}

// write formats an event, with a newline, in g.line.
func (g *generator) write(e event) {
	traits, currency := g.traits(e.order), g.currencyOf(e.order)
	b := appendHex(append(g.line[:0], `{"event_id":"`...), e.id)
	b = append(append(b, `","type":"`...), e.kind.String()...)
	b = appendMoment(append(b, `","occurred_at":"`...), e.at, currency)
	b = appendCents(append(b, `","amount":"`...), e.cents)
	b = append(append(b, `","currency":"`...), currency.String()...)
	b = append(append(b, `","channel":"`...), channels[traits>>8%4]...)
	b = append(b, '"')
	if e.kind == Ordered && e.id%16 == 0 {
		b = append(append(b, `,"note":`...), notes[e.id>>4%4]...)
	}
	b = appendOrderID(append(b, `,"data":{"order":{"id":"`...), g.options.Seed, e.order)
	b = appendNumbered(append(b, `","customer":"`...), 'C', traits>>16%100_000, 100_000)
	g.line = append(b, `"}}}`+"\n"...)
}

// appendMoment appends a time given in Unix milliseconds. Systems that sell in euros write the zone +01:00.
func appendMoment(b []byte, at int64, currency Currency) []byte {
	zone := time.UTC
	if currencyNames[currency] == "EUR" {
		zone = centralEurope
	}
	return time.UnixMilli(at).In(zone).AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
}

var centralEurope = time.FixedZone("", 3600)

// damageKinds turn a valid line into one that intake must quarantine.
var damageKinds = []func(line []byte) []byte{
	func(line []byte) []byte { return append(line[:len(line)/2], '\n') },
	func(line []byte) []byte { return replace(line, `","currency"`, `5","currency"`) }, // a third decimal
	func(line []byte) []byte { return replace(line, `{"id":`, `{"no":`) },
	func(line []byte) []byte { return setProperty(line, "occurred_at", "2025-02-30T12:00:00Z") },
	func(line []byte) []byte { return setProperty(line, "currency", "XXX") },
	func(line []byte) []byte { return replace(line, `"amount":"`, `"amount":"9999999999999999`) },
	func(line []byte) []byte { return setProperty(line, "amount", "NaN") },
	func(line []byte) []byte { return setProperty(line, "amount", "0x1F") },
	func(line []byte) []byte { return replace(line, `"currency"`, `"currency":"USD","currency"`) },
}

func replace(line []byte, old, with string) []byte {
	return bytes.Replace(line, []byte(old), []byte(with), 1)
}

// setProperty replaces the string value of a property. The old value must not contain escapes.
func setProperty(line []byte, name, value string) []byte {
	_, after, _ := bytes.Cut(line, []byte(`"`+name+`":"`))
	old, _, _ := bytes.Cut(after, []byte(`"`))
	return replace(line, `"`+name+`":"`+string(old)+`"`, `"`+name+`":"`+value+`"`)
}
