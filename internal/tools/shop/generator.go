// Generates the received rows one by one, and records them in the ledger.

package shop

import (
	"errors"
	"io"
	"math/rand/v2"
	"time"
)

const day = int64(24 * time.Hour / time.Millisecond)

var opening = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// generator makes the rows of all batches in order of receipt.
type generator struct {
	options   Options
	random    *rand.Rand
	remaining rowCounts // rows not yet made
	received  int       // the batch being made
	opened    uint32    // orders so far
	partner   int       // events of the order that shares its events with the last one opened; 0 is none
	ids       uint64    // event ids given out
	window    *window
	sample    sample
	ledger    *Ledger
	parts     []plannedEvent
	line      []byte
}

func newGenerator(options Options) *generator {
	return &generator{
		options:   options,
		random:    rand.New(rand.NewPCG(options.Seed, 0x73686f70)),
		remaining: options.mixture(),
		window:    newWindow(options),
		ledger:    newLedger(options),
	}
}

func (g *generator) batch(out io.Writer, batch int) error {
	g.received = batch
	g.releaseLate(batch)
	for range g.options.firstRow(batch+1) - g.options.firstRow(batch) {
		if err := g.row(); err != nil {
			return err
		}
		if _, err := out.Write(g.line); err != nil {
			return err
		}
	}
	g.sample.endBatch(g.random)
	return nil
}

// row makes one row in g.line. Each kind of row is drawn in proportion to its remaining number, which spreads the kinds
// evenly and uses up each exactly.
func (g *generator) row() error {
	entry := &g.ledger.Batches[g.received]
	entry.Rows++
	l := &g.remaining
	drawn := g.random.IntN(l.duplicates + l.conflicts + l.malformed + l.accepted)
	switch {
	case drawn < l.accepted || g.sample.empty():
		return g.accepted()
	case drawn < l.accepted+l.duplicates:
		l.duplicates--
		entry.Duplicates++
		g.write(g.sample.pick(g.random))
	case drawn < l.accepted+l.duplicates+l.conflicts:
		l.conflicts--
		entry.Conflicts++
		e := g.sample.pick(g.random)
		e.cents += 1 + g.random.Int64N(1000)
		g.write(e)
	default:
		l.malformed--
		entry.Malformed++
		e := g.sample.pick(g.random)
		e.id = g.newID()
		g.write(e)
		g.line = damageKinds[l.malformed%len(damageKinds)](g.line)
	}
	return nil
}

func (g *generator) accepted() error {
	e, ok := g.next()
	if !ok {
		return errors.New("the orders have fewer events than rows were planned")
	}
	g.remaining.accepted--
	g.ledger.addAccepted(g.received, e)
	g.sample.keep(e)
	g.write(e)
	return nil
}

// next returns an event that is due, or otherwise the first event of a new order.
func (g *generator) next() (event, bool) {
	for {
		if e, ok := g.window.pop(); ok {
			return e, true
		}
		if int(g.opened) < g.options.Orders {
			g.window.advance()
			return g.open(), true
		}
		if g.window.pending == 0 && !g.releaseNextLate() {
			return event{}, false
		}
		g.window.advance()
	}
}

// releaseLate spreads a batch's late events over the window and reports whether there were any.
func (g *generator) releaseLate(batch int) bool {
	events := g.window.takeLate(batch)
	for _, e := range events {
		g.window.add(e, g.delay())
	}
	return len(events) > 0
}

// releaseNextLate releases late events early, when no others are left.
func (g *generator) releaseNextLate() bool {
	for batch := range g.options.Batches {
		if g.releaseLate(batch) {
			return true
		}
	}
	return false
}

func (g *generator) delay() int { return 1 + g.random.IntN(g.window.reach()) }

func (g *generator) newID() uint64 {
	g.ids++
	return mixBits(mixBits(g.options.Seed) + g.ids)
}

// moment returns the time of an event at the opening of an order. Orders are spread evenly, one day per batch.
func (g *generator) moment(opened int) int64 {
	micros := day * 1000 * int64(g.options.Batches) / int64(g.options.Orders)
	return opening + int64(opened)*micros/1000 + g.random.Int64N(1000)
}
