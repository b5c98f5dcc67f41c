// Package keyed holds a mutex per key, whose waiting ends with a context.
//
// It guarantees that one caller at a time holds a key, and that keys that nobody holds or waits for take no memory. It knows nothing of what a
// key names, and holds only within one process.
package keyed

import (
	"context"
	"sync"
)

// Mutex is a mutex per key. The zero value is ready.
type Mutex struct {
	mu   sync.Mutex
	held map[string]*entry
}

// entry is a key that somebody holds or waits for.
type entry struct {
	free  chan struct{}
	users int
}

// Lock waits until nobody else holds the key, or the context ends: then the error is its cause. unlock releases the key and is called once.
func (m *Mutex) Lock(ctx context.Context, key string) (unlock func(), err error) {
	e := m.join(key)
	select {
	case e.free <- struct{}{}:
		return func() { <-e.free; m.leave(key, e) }, nil
	case <-ctx.Done():
		m.leave(key, e)
		return nil, context.Cause(ctx)
	}
}

func (m *Mutex) join(key string) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == nil {
		m.held = map[string]*entry{}
	}
	e := m.held[key]
	if e == nil {
		e = &entry{free: make(chan struct{}, 1)}
		m.held[key] = e
	}
	e.users++
	return e
}

func (m *Mutex) leave(key string, e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.users--; e.users == 0 {
		delete(m.held, key)
	}
}
