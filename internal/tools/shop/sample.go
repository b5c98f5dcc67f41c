// Keeps a sample of the accepted events, from which duplicates and conflicts are drawn.

package shop

import "math/rand/v2"

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

// empty reports whether nothing has been accepted yet.
func (s *sample) empty() bool { return len(s.current)+len(s.earlier) == 0 }

// pick draws an accepted event, half of the time from an earlier batch. The sample must not be empty.
func (s *sample) pick(random *rand.Rand) event {
	events := s.current
	if len(events) == 0 || len(s.earlier) > 0 && random.Uint64()&1 == 0 {
		events = s.earlier
	}
	return events[random.IntN(len(events))]
}
