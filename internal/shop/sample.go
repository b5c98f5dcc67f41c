// A sample of the accepted events, from which duplicates and conflicts are drawn.

package shop

import "math/rand/v2"

// sampleSize bounds both halves of a sample.
const sampleSize = 8192

// sample remembers some accepted events of the current batch and some of all batches before it.
type sample struct {
	current []event
	next    int // the slot of current that is written over next, once it is full
	earlier []event
}

// keep remembers an event just accepted in place of the oldest of its batch.
func (s *sample) keep(e event) {
	if len(s.current) < sampleSize {
		s.current = append(s.current, e)
		return
	}
	s.current[s.next] = e
	s.next = (s.next + 1) % sampleSize
}

// endBatch makes the current batch an earlier one. Half of the slots keep what older batches left there.
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
	from := s.current
	if len(from) == 0 || len(s.earlier) > 0 && random.Uint64()&1 == 0 {
		from = s.earlier
	}
	return from[random.IntN(len(from))]
}
