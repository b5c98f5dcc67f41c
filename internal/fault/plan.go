// Package fault makes the storage seams fail on purpose: wrappers of the object store, the catalog and the index that
// count every call and fail one of them, before or after its effect, once or as the death of the process. It owns
// the counting; it guarantees that a failed write is never half visible, and must not hide or repair what its inner
// store does. With no fault armed a wrapper is as good a backend as what it wraps.
package fault

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
)

var (
	// ErrInjected is the error of a call that was made to fail.
	ErrInjected = errors.New("injected fault")
	// ErrCrashed is the error of every call after a crash: to its callers the process is dead.
	ErrCrashed = errors.New("crashed by an injected fault")
)

// Mode says how a call fails. Modes combine: After|Crash.
type Mode uint8

// Modes.
const (
	// Before fails a call that has no effect, or, for a write of bytes, half of it.
	Before Mode = 0
	// After fails a call that had its effect.
	After Mode = 1
	// Crash fails every later call too, none of which has an effect; nothing is cleaned up.
	Crash Mode = 2
)

// Plan counts the calls of all wrappers made with it, from 1, and fails one of them. It may be used from several
// goroutines at once.
type Plan struct {
	mu      sync.Mutex
	calls   []string
	at      int
	mode    Mode
	err     error
	fired   bool
	crashed bool
}

// NewPlan is a plan that counts and lets everything pass.
func NewPlan() *Plan { return &Plan{} }

// FailAt arms the n-th call from the plan's beginning with ErrInjected.
func (p *Plan) FailAt(n int, mode Mode) { p.FailWith(n, mode, ErrInjected) }

// FailWith arms the n-th call from the plan's beginning with an error such as syscall.ENOSPC.
func (p *Plan) FailWith(n int, mode Mode, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.mode, p.err, p.fired = n, mode, err, false
}

// Calls is how many calls were made so far; those after a crash are not counted.
func (p *Plan) Calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

// Call says what the n-th call was, such as "commit object a/b".
func (p *Plan) Call(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < 1 || n > len(p.calls) {
		return "no call"
	}
	return p.calls[n-1]
}

// Fired reports whether the armed call was made.
func (p *Plan) Fired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fired
}

// verdict is how one call fails, with at most one error.
type verdict struct {
	dead   error // the process died before the call
	before error // instead of the effect
	after  error // after the effect
}

// early is the error that comes instead of the effect.
func (v verdict) early() error { return cmp.Or(v.dead, v.before) }

// call counts one call and says how it fails.
func (p *Plan) call(verb, object string) verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	what := verb + " " + object
	if p.crashed {
		return verdict{dead: fmt.Errorf("%s: %w", what, ErrCrashed)}
	}
	p.calls = append(p.calls, what)
	if p.fired || len(p.calls) != p.at {
		return verdict{}
	}
	p.fired = true
	err := fmt.Errorf("%s: %w", what, p.err)
	if p.mode&Crash != 0 {
		p.crashed = true
		err = fmt.Errorf("%s: %w: %w", what, ErrCrashed, p.err)
	}
	if p.mode&After != 0 {
		return verdict{after: err}
	}
	return verdict{before: err}
}

// dead is the error of what a dead process does, nil while it lives.
func (p *Plan) dead() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crashed {
		return ErrCrashed
	}
	return nil
}

// undo is why an effect that is ready must not take place: the call fails before it, or the process died meanwhile.
func (p *Plan) undo(v verdict) error {
	if v.before != nil || v.after != nil {
		return v.before // the crash of this very call comes after its effect
	}
	return p.dead()
}
