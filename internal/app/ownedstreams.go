// The streams that this process owns, where several processes share a project, and the callers that wait for them.

package app

import (
	"sync"

	"bursar/internal/event"
	"bursar/internal/event/live"
)

// ownedStream is a stream that this process may ingest into.
type ownedStream struct {
	store *event.Store // its catalog refuses updates after the stream was lost
	live  *live.Intake // nil for the streams of statements

	users    sync.WaitGroup // of the store and of live
	released chan struct{}  // closed when this process releases its streams
}

// owners are the streams that this process owns, and those that wait for them. The zero value has none.
type owners struct {
	mu      sync.Mutex
	owned   map[string]*ownedStream
	waiting map[string][]chan *ownedStream
}

// find returns an owned stream, or nil. use counts the caller as a user until its users.Done.
func (o *owners) find(stream string, use bool) *ownedStream {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.owned[stream]
	if s != nil && use {
		s.users.Add(1)
	}
	return s
}

// await returns a channel that receives the stream once it is owned, with the receiver counted as a user.
func (o *owners) await(stream string) chan *ownedStream {
	granted := make(chan *ownedStream, 1)
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.owned[stream]; s != nil {
		s.users.Add(1)
		granted <- s
		return granted
	}
	if o.waiting == nil {
		o.waiting = map[string][]chan *ownedStream{}
	}
	o.waiting[stream] = append(o.waiting[stream], granted)
	return granted
}

// giveUp ends a wait. A stream that was granted meanwhile is released.
func (o *owners) giveUp(stream string, granted chan *ownedStream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, other := range o.waiting[stream] {
		if other == granted {
			o.waiting[stream] = append(o.waiting[stream][:i:i], o.waiting[stream][i+1:]...)
			return
		}
	}
	select {
	case s := <-granted:
		s.users.Done()
	default:
	}
}

// begin grants a stream to all that wait for it, so that each has its turn before the stream is given to another process.
func (o *owners) begin(stream string, s *ownedStream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.owned == nil {
		o.owned = map[string]*ownedStream{}
	}
	o.owned[stream] = s
	for _, granted := range o.waiting[stream] {
		s.users.Add(1)
		granted <- s
	}
	delete(o.waiting, stream)
}

// end leaves a stream and waits for its users.
func (o *owners) end(stream string, s *ownedStream) {
	o.leave(stream, s)
	s.users.Wait()
}

// leave makes whoever needs a stream from now on ask for it again: its turn ends, or it was lost to another process.
func (o *owners) leave(stream string, s *ownedStream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.owned[stream] == s {
		delete(o.owned, stream)
	}
}

// releaseAll ends the ownership of all streams of this process in their own time.
func (o *owners) releaseAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for stream, s := range o.owned {
		close(s.released)
		delete(o.owned, stream)
	}
}
