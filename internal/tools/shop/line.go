// Writes the lines of the demonstration's files, and damages lines.

package shop

import (
	"bytes"
	"time"
)

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
