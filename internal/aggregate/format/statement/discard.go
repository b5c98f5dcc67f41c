// A Handler that discards everything, for checks and benchmarks.

package statement

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
