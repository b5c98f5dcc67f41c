// The change feed of a catalog within one process: who watches what, and whether anything was written.

package catalog

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Watcher is implemented by catalogs that report changes, also those of other processes.
type Watcher interface {
	// Watch returns a channel that receives after documents whose keys start with prefix may have changed: whoever receives reads
	// again. A change that commits after Watch has returned is signalled when it is visible to View. Signals are merged while
	// nobody receives, and there may be some without a change. The watch ends with ctx; the channel is never closed.
	//
	// Changes of this process are signalled before its Update returns, those of others as soon as their message arrives. While a
	// backend cannot know of them (its connection is lost) there is no signal, and everything is signalled when it can again.
	Watch(ctx context.Context, prefix string) <-chan struct{}
}

// Feed keeps the watchers of one process and counts changes. Backends call Changed and ChangedAll. The zero value has no watcher.
type Feed struct {
	changes atomic.Uint64

	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

type watcher struct {
	prefix string
	signal chan struct{} // has room for one
}

// Watch is Watcher.Watch.
func (f *Feed) Watch(ctx context.Context, prefix string) <-chan struct{} {
	w := &watcher{prefix, make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers == nil {
		f.watchers = map[*watcher]struct{}{}
	}
	f.watchers[w] = struct{}{}
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, w)
	})
	return w.signal
}

// Changed counts a change of the documents with these keys, and signals it. A key may also be a prefix of those that changed.
func (f *Feed) Changed(keys ...string) {
	f.changes.Add(1)
	f.signal(func(w *watcher) bool {
		for _, key := range keys {
			if strings.HasPrefix(key, w.prefix) || strings.HasPrefix(w.prefix, key) {
				return true
			}
		}
		return false
	})
}

// ChangedAll counts a change of unknown documents, and signals it to everybody.
func (f *Feed) ChangedAll() {
	f.changes.Add(1)
	f.signal(func(*watcher) bool { return true })
}

// Doubt counts a change without a signal: what was cached must not be used.
func (f *Feed) Doubt() { f.changes.Add(1) }

// Count returns the number of changes.
func (f *Feed) Count() uint64 { return f.changes.Load() }

func (f *Feed) signal(concerns func(*watcher) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers {
		if !concerns(w) {
			continue
		}
		select {
		case w.signal <- struct{}{}:
		default: // a signal waits already
		}
	}
}

// maxWritten is how many keys of one transaction are reported one by one.
const maxWritten = 64

// Written collects the keys that a transaction writes, for the feed. Beyond 64 they are merged to the folders that contain them,
// and beyond 64 folders to everything: a reader may read too often, but not too rarely.
type Written struct {
	keys    map[string]bool
	folders bool
	all     bool
}

// Add adds the key of a written document.
func (w *Written) Add(key string) {
	if w.all {
		return
	}
	if w.folders {
		key = folder(key)
	}
	if w.keys == nil {
		w.keys = map[string]bool{}
	}
	w.keys[key] = true
	if len(w.keys) > maxWritten {
		w.merge()
	}
}

func (w *Written) merge() {
	if w.all = w.folders; w.all {
		w.keys = nil
		return
	}
	keys := w.keys
	w.keys, w.folders = nil, true
	for key := range keys {
		w.Add(key)
	}
}

// folder returns the part of a key up to its last slash. "" contains everything.
func folder(key string) string { return key[:strings.LastIndexByte(key, '/')+1] }

// Keys returns the collected keys and folders, in no order; all means that there were too many. It is empty if nothing was written.
func (w *Written) Keys() (keys []string, all bool) {
	return slices.Collect(maps.Keys(w.keys)), w.all
}

// Report reports what was written to a feed.
func (w *Written) Report(f *Feed) {
	if w.all {
		f.ChangedAll()
	} else if len(w.keys) > 0 {
		f.Changed(slices.Collect(maps.Keys(w.keys))...)
	}
}
