// Calls a Handler until something fails, and discards everything.

package statement

// Emitter calls a Handler for a reader until something fails, and keeps the first error. The reader goes on, without
// effect, up to where it next looks at Err: once for each line, row or element.
type Emitter struct {
	Err     error
	handler Handler
}

// NewEmitter returns the emitter for a handler.
func NewEmitter(h Handler) Emitter { return Emitter{handler: h} }

// Fail keeps an error, unless there was one before.
func (e *Emitter) Fail(err error) {
	if e.Err == nil {
		e.Err = err
	}
}

// emit calls a method of the handler, unless there was an error before.
func emit[T any](e *Emitter, method func(Handler, T) error, value T) {
	if e.Err == nil {
		e.Err = method(e.handler, value)
	}
}

// Begin begins a statement.
func (e *Emitter) Begin(s *Statement) { emit(e, Handler.Begin, s) }

// Balance emits a balance.
func (e *Emitter) Balance(b *Balance) { emit(e, Handler.Balance, b) }

// Entry begins an entry.
func (e *Emitter) Entry(n *Entry) { emit(e, Handler.Entry, n) }

// Detail emits a detail.
func (e *Emitter) Detail(d *Detail) { emit(e, Handler.Detail, d) }

// EndEntry ends an entry.
func (e *Emitter) EndEntry() {
	if e.Err == nil {
		e.Err = e.handler.EndEntry()
	}
}

// End ends a statement.
func (e *Emitter) End() {
	if e.Err == nil {
		e.Err = e.handler.End()
	}
}

// Notice emits a notice.
func (e *Emitter) Notice(n *Notice) { emit(e, Handler.Notice, n) }

// Discard is a Handler that ignores every call.
type Discard struct{}

// Begin does nothing.
func (Discard) Begin(*Statement) error { return nil }

// Balance does nothing.
func (Discard) Balance(*Balance) error { return nil }

// Entry does nothing.
func (Discard) Entry(*Entry) error { return nil }

// Detail does nothing.
func (Discard) Detail(*Detail) error { return nil }

// EndEntry does nothing.
func (Discard) EndEntry() error { return nil }

// End does nothing.
func (Discard) End() error { return nil }

// Notice does nothing.
func (Discard) Notice(*Notice) error { return nil }
