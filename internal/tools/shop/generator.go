// Generates the received rows one by one, and records them in the ledger: from events that are planned and not yet received, and a sample
// of those that were, from which duplicates and conflicts are drawn.

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
	events := g.window.late[batch]
	g.window.late[batch] = nil
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

// event is one fact of the shop. Its line depends only on it and the seed, so that sending it again gives the same bytes.
type event struct {
	id    uint64
	cents int64
	at    int64 // when it happened, Unix milliseconds
	order uint32
	kind  Type
	late  bool
}

// window contains the pending events of open orders: near ones in a ring with one slot per opened order, late ones by the
// batch that receives them.
type window struct {
	slots   [][]event
	slot    int // the one that is due
	pending int // events in the slots
	late    [][]event
}

func newWindow(options Options) *window {
	size := min(max(options.Orders/options.Batches/4, 4), 1<<14)
	return &window{slots: make([][]event, size), late: make([][]event, options.Batches)}
}

// reach is the longest delay, in slots.
func (w *window) reach() int { return len(w.slots) - 1 }

// add delays an event by 0 < delay <= reach slots.
func (w *window) add(e event, delay int) {
	slot := (w.slot + delay) % len(w.slots)
	w.slots[slot] = append(w.slots[slot], e)
	w.pending++
}

// pop removes and returns an event that is due.
func (w *window) pop() (event, bool) {
	due := w.slots[w.slot]
	if len(due) == 0 {
		return event{}, false
	}
	w.slots[w.slot] = due[:len(due)-1]
	w.pending--
	return due[len(due)-1], true
}

func (w *window) advance() { w.slot = (w.slot + 1) % len(w.slots) }

// sampleSize bounds both halves of a sample.
const sampleSize = 8192

// sample contains some accepted events of the current batch and some of all earlier batches.
type sample struct {
	current []event
	next    int // the slot of current to overwrite next, once it is full
	earlier []event
}

// keep adds an accepted event. A full sample loses the oldest event of the batch.
func (s *sample) keep(e event) {
	if len(s.current) < sampleSize {
		s.current = append(s.current, e)
		return
	}
	s.current[s.next] = e
	s.next = (s.next + 1) % sampleSize
}

// endBatch moves the events of the current batch to the earlier ones. Half of the slots keep their older events.
func (s *sample) endBatch(random *rand.Rand) {
	for _, e := range s.current {
		switch {
		case len(s.earlier) < sampleSize:
			s.earlier = append(s.earlier, e)
		case random.Uint64()&1 == 0:
			s.earlier[random.IntN(sampleSize)] = e
		}
	}
	s.current, s.next = s.current[:0], 0
}

func (s *sample) empty() bool { return len(s.current)+len(s.earlier) == 0 }

// pick draws an accepted event, half of the time from an earlier batch. The sample must not be empty.
func (s *sample) pick(random *rand.Rand) event {
	events := s.current
	if len(events) == 0 || len(s.earlier) > 0 && random.Uint64()&1 == 0 {
		events = s.earlier
	}
	return events[random.IntN(len(events))]
}
