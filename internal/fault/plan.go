// Package fault injects faults into the stores: it wraps the object store, the catalog and the index, counts every call and
// fails one of them, before or after its effect, once or like the death of the process. It owns the counting; it guarantees
// that a failed write is never half visible, and must not hide or repair what the wrapped store does. Without an armed fault a
// wrapper behaves like the store that it wraps.
package fault

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
)

var (
	// ErrInjected is the error of the failed call.
	ErrInjected = errors.New("injected fault")
	// ErrCrashed is the error of every call after a crash.
	ErrCrashed = errors.New("crashed by an injected fault")
)

// Mode is how a call fails. Modes can be combined: After|Crash.
type Mode uint8

// Modes.
const (
	// Before fails a call before its effect; a Write writes half of its bytes.
	Before Mode = 0
	// After fails a call after its effect.
	After Mode = 1
	// Crash also fails every later call, without effect; nothing is cleaned up.
	Crash Mode = 2
)

// Plan counts the calls of all its wrappers, from 1, and fails one of them. It is safe for concurrent use.
type Plan struct {
	mu      sync.Mutex
	calls   []string
	failAt  int
	mode    Mode
	err     error
	fired   bool
	crashed bool

	pauseAt   int
	meanwhile func()
}

// NewPlan returns a plan that counts calls and fails none.
func NewPlan() *Plan { return &Plan{} }

// FailAt fails the n-th call since the plan was created with ErrInjected.
func (p *Plan) FailAt(n int, mode Mode) { p.FailWith(n, mode, ErrInjected) }

// FailWith fails the n-th call since the plan was created with an error such as syscall.ENOSPC.
func (p *Plan) FailWith(n int, mode Mode, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failAt, p.mode, p.err, p.fired = n, mode, err, false
}

// PauseAt lets the n-th call wait while meanwhile runs, as if the process were stopped and continued.
func (p *Plan) PauseAt(n int, meanwhile func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pauseAt, p.meanwhile = n, meanwhile
}

// Calls returns the number of calls so far; those after a crash are not counted.
func (p *Plan) Calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

// Call describes the n-th call, such as "commit object a/b".
func (p *Plan) Call(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < 1 || n > len(p.calls) {
		return "no call"
	}
	return p.calls[n-1]
}

// Fired reports whether the call to fail was made.
func (p *Plan) Fired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fired
}

// callFault is how one call fails; at most one of the errors is set.
type callFault struct {
	dead   error // the process died before the call
	before error // instead of the effect
	after  error // after the effect
}

// errBefore returns the error instead of the effect.
func (v callFault) errBefore() error { return cmp.Or(v.dead, v.before) }

func (p *Plan) call(verb, object string) callFault {
	n, v := p.count(verb + " " + object)
	p.mu.Lock()
	pauses := n != 0 && n == p.pauseAt
	p.mu.Unlock()
	if pauses {
		p.meanwhile()
	}
	return v
}

// count counts a call, and returns its number and how it fails.
func (p *Plan) count(what string) (n int, v callFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crashed {
		return 0, callFault{dead: fmt.Errorf("%s: %w", what, ErrCrashed)}
	}
	p.calls = append(p.calls, what)
	n = len(p.calls)
	if p.fired || len(p.calls) != p.failAt {
		return n, callFault{}
	}
	p.fired = true
	err := fmt.Errorf("%s: %w", what, p.err)
	if p.mode&Crash != 0 {
		p.crashed = true
		err = fmt.Errorf("%s: %w: %w", what, ErrCrashed, p.err)
	}
	if p.mode&After != 0 {
		return n, callFault{after: err}
	}
	return n, callFault{before: err}
}

// around makes one call that has no result but an error.
func (p *Plan) around(verb, object string, do func() error) error {
	v := p.call(verb, object)
	if err := v.errBefore(); err != nil {
		return err
	}
	return errors.Join(do(), v.after)
}

func (p *Plan) crashErr() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crashed {
		return ErrCrashed
	}
	return nil
}

// preventEffect returns an error if a prepared effect must not happen: the call fails before it, or the process died meanwhile.
func (p *Plan) preventEffect(v callFault) error {
	if v.before != nil || v.after != nil {
		return v.before // this call fails after its effect
	}
	return p.crashErr()
}
