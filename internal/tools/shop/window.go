// The events that are planned and not yet received, and a sample of those that were, from which duplicates and conflicts are drawn.

package shop

import (
	"math/rand/v2"
)

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

// takeLate removes and returns the late events that a batch receives.
func (w *window) takeLate(batch int) []event {
	events := w.late[batch]
	w.late[batch] = nil
	return events
}

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
