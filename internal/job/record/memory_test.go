// A catalog in memory: years are decided in seconds also under the race detector, which makes SQLite some twenty times slower.

package record

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"bursar/internal/catalog"
)

// memory is a catalog whose transactions follow one another.
type memory struct {
	mu        sync.Mutex
	keys      []string // sorted
	documents map[string]json.RawMessage
}

func newMemory() *memory { return &memory{documents: map[string]json.RawMessage{}} }

func (m *memory) Close() error { return nil }

func (m *memory) View(_ context.Context, fn func(catalog.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fn(&memoryTx{m, map[string]json.RawMessage{}})
}

func (m *memory) Update(_ context.Context, fn func(catalog.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &memoryTx{m, map[string]json.RawMessage{}}
	err := fn(t)
	if err != nil {
		for key, before := range t.before {
			m.set(key, before)
		}
	}
	return err
}

// set writes a document; nil removes it.
func (m *memory) set(key string, value json.RawMessage) {
	place, found := slices.BinarySearch(m.keys, key)
	switch {
	case value == nil && found:
		m.keys = slices.Delete(m.keys, place, place+1)
		delete(m.documents, key)
	case value != nil:
		if !found {
			m.keys = slices.Insert(m.keys, place, key)
		}
		m.documents[key] = value
	}
}

// memoryTx remembers what it has replaced.
type memoryTx struct {
	*memory
	before map[string]json.RawMessage
}

func (t *memoryTx) write(key string, value json.RawMessage) {
	if _, known := t.before[key]; !known {
		t.before[key] = t.documents[key]
	}
	t.set(key, value)
}

func (t *memoryTx) Get(key string, value any) (bool, error) {
	document, found := t.documents[key]
	if !found {
		return false, nil
	}
	return true, json.Unmarshal(document, value)
}

func (t *memoryTx) Put(key string, value any) error {
	document, err := json.Marshal(value)
	if err == nil {
		t.write(key, document)
	}
	return err
}

func (t *memoryTx) Delete(key string) error {
	t.write(key, nil)
	return nil
}

func (t *memoryTx) List(prefix string, fn func(string, json.RawMessage) error) error {
	return t.ListAfter(prefix, "", fn)
}

func (t *memoryTx) ListAfter(prefix, after string, fn func(string, json.RawMessage) error) error {
	for next := max(prefix, after+"\x00"); ; {
		place, _ := slices.BinarySearch(t.keys, next)
		if place == len(t.keys) || !strings.HasPrefix(t.keys[place], prefix) {
			return nil
		}
		key := t.keys[place]
		if err := fn(key, t.documents[key]); err != nil {
			return err
		}
		next = key + "\x00"
	}
}
