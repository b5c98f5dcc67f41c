// Package keyed provides a mutex per key whose Lock respects a context.
//
// It guarantees that only one caller at a time has a key locked, and that unused keys need no memory. It works within one process
// only, and must not know what a key means.
package keyed

import (
	"context"
	"sync"
)

// Mutex is a mutex per key. The zero value is ready.
type Mutex struct {
	mu      sync.Mutex
	entries map[string]*entry
}

// entry is a key that is locked or waited for.
type entry struct {
	token chan struct{}
	users int
}

// Lock locks the key. It waits until the key is free or the context ends, and returns the context's cause then. unlock must be
// called exactly once.
func (m *Mutex) Lock(ctx context.Context, key string) (unlock func(), err error) {
	e := m.join(key)
	select {
	case e.token <- struct{}{}:
		return func() { <-e.token; m.leave(key, e) }, nil
	case <-ctx.Done():
		m.leave(key, e)
		return nil, context.Cause(ctx)
	}
}

func (m *Mutex) join(key string) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[string]*entry{}
	}
	e := m.entries[key]
	if e == nil {
		e = &entry{token: make(chan struct{}, 1)}
		m.entries[key] = e
	}
	e.users++
	return e
}

func (m *Mutex) leave(key string, e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.users--; e.users == 0 {
		delete(m.entries, key)
	}
}
