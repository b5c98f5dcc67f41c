// A Handler for who only wants to know whether, or how fast, a file is read.

package statement

// Nobody is a Handler that takes everything and keeps nothing.
type Nobody struct{}

// Begin does nothing.
func (Nobody) Begin(*Statement) error { return nil }

// Balance does nothing.
func (Nobody) Balance(*Balance) error { return nil }

// Entry does nothing.
func (Nobody) Entry(*Entry) error { return nil }

// Detail does nothing.
func (Nobody) Detail(*Detail) error { return nil }

// EndEntry does nothing.
func (Nobody) EndEntry() error { return nil }

// End does nothing.
func (Nobody) End() error { return nil }

// Notice does nothing.
func (Nobody) Notice(*Notice) error { return nil }
