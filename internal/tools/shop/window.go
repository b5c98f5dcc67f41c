// The sliding window of events that are planned and not yet received.

package shop

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
