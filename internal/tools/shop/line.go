// Writes the lines of the demonstration's files, and damages lines.

package shop

import (
	"bytes"
	"time"
)

// orderTraits are the properties that all events of an order share.
type orderTraits struct {
	currency Currency
	channel  string
	customer int
}

var channels = [4]string{"web", "app", "store", "phone"}

// notes are JSON strings with typical free text: quotes, escapes, other scripts.
var notes = [4]string{`"gift"`, `"leave \"at the door\""`, `"p\u0159edat sousedovi"`, `"für Zoë 🎁"`}

func (g *generator) traits(order uint32) orderTraits {
	h := mixBits(mixBits(g.options.Seed) ^ uint64(order))
	t := orderTraits{channel: channels[h>>8%4], customer: int(h >> 16 % 100_000)}
	switch share := h >> 40 % 10; {
	case share < 3:
		t.currency = 1
	case share < 4:
		t.currency = 2
	}
	return t
}

// write formats an event, with a newline, in g.line.
func (g *generator) write(e event) {
	t := g.traits(e.order)
	b := append(g.line[:0], `{"event_id":"`...)
	b = appendHex(b, e.id)
	b = append(b, `","type":"`...)
	b = append(b, e.kind.String()...)
	b = append(b, `","occurred_at":"`...)
	b = appendMoment(b, e.at, t.currency)
	b = append(b, `","amount":"`...)
	b = appendCents(b, e.cents)
	b = append(b, `","currency":"`...)
	b = append(b, t.currency.String()...)
	b = append(b, `","channel":"`...)
	b = append(b, t.channel...)
	if e.kind == Ordered && e.id%16 == 0 {
		b = append(b, `","note":`...)
		b = append(b, notes[e.id>>4%4]...)
	} else {
		b = append(b, '"')
	}
	b = append(b, `,"data":{"order":{"id":"`...)
	b = appendOrderID(b, g.options.Seed, e.order)
	b = append(b, `","customer":"C`...)
	b = appendPadded(b, t.customer, 5)
	g.line = append(b, `"}}}`+"\n"...)
}

// appendMoment appends a time given in Unix milliseconds. Systems that sell in euros write the zone +01:00.
func appendMoment(b []byte, at int64, currency Currency) []byte {
	zone := "Z"
	if currencyNames[currency] == "EUR" {
		at += int64(time.Hour / time.Millisecond)
		zone = "+01:00"
	}
	b = appendSecond(b, at/1000)
	b = appendPadded(append(b, '.'), int(at%1000), 3)
	return append(b, zone...)
}

// damage turns a valid line into one that intake must quarantine.
type damage struct {
	name  string
	apply func(line []byte) []byte
}

var damageKinds = []damage{
	{"JSON cut off", func(line []byte) []byte { return append(line[:len(line)/2], '\n') }},
	{"third decimal", func(line []byte) []byte { return replace(line, `","currency"`, `5","currency"`) }},
	{"order id missing", func(line []byte) []byte { return replace(line, `{"id":`, `{"no":`) }},
	{"30 February", func(line []byte) []byte { return setProperty(line, "occurred_at", "2025-02-30T12:00:00Z") }},
	{"unknown currency", func(line []byte) []byte { return setProperty(line, "currency", "XXX") }},
	{"amount overflows", func(line []byte) []byte { return replace(line, `"amount":"`, `"amount":"9999999999999999`) }},
	{"amount not a number", func(line []byte) []byte { return setProperty(line, "amount", "NaN") }},
	{"amount in hex", func(line []byte) []byte { return setProperty(line, "amount", "0x1F") }},
	{"property given twice", func(line []byte) []byte { return replace(line, `"currency"`, `"currency":"USD","currency"`) }},
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
