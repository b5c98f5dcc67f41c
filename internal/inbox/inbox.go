// Package inbox watches a folder into which people and programs put files, with one subfolder per stream, and passes on complete files. It
// owns the names and places of these files. It guarantees that a file is passed on only when nobody writes it any longer, as far as the
// system can tell, and that it is moved only after it was ingested: after a crash in between it is passed on again, which must change
// nothing. It must not know what is in a file.
package inbox

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Subfolders of a stream's folder for processed files.
const (
	TakenFolder  = "taken"
	FailedFolder = "failed"
)

// DefaultStableFor is how long a file must not have changed, by default.
const DefaultStableFor = 2 * time.Second

// rescanInterval is how often folders are scanned without a notification, since not every file system notifies.
const rescanInterval = 5 * time.Second

// Options of a watch.
type Options struct {
	Dir     string   // contains a folder for each stream; created when missing, with these folders
	Streams []string // the streams that accept files
	// Ingest ingests complete files of a stream together; it may be called for several streams at once. If its error is retryable by
	// class, it is called again later. Otherwise each file is tried alone, and those that fail are moved aside. Files that were ingested
	// before must change nothing.
	Ingest    func(ctx context.Context, stream string, paths []string) error
	StableFor time.Duration // size and time of a file must not have changed for this long; 0 is DefaultStableFor
	Log       *slog.Logger
}

// Watch passes files on until the context ends. A folder that cannot be created or read is logged, and only its own files wait.
func Watch(ctx context.Context, o Options) {
	if o.StableFor <= 0 {
		o.StableFor = DefaultStableFor
	}
	w := &watch{Options: o, boxes: map[string]*streamFolder{}, logged: map[string]bool{}}
	for _, stream := range o.Streams {
		w.boxes[stream] = &streamFolder{
			watch: w, stream: stream, dir: filepath.Join(o.Dir, stream), wake: make(chan struct{}, 1),
			seen: map[string]observation{}, decided: map[string]outcome{},
		}
	}
	var wg sync.WaitGroup
	for _, b := range w.boxes {
		wg.Go(func() { b.run(ctx) })
	}
	w.listen(ctx)
	wg.Wait()
}

// watch is shared by all streams.
type watch struct {
	Options
	boxes  map[string]*streamFolder
	mu     sync.Mutex
	logged map[string]bool // what was logged, to log it only once
}

// listen signals folders in which something happened.
func (w *watch) listen(ctx context.Context) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		w.warnOnce(w.Dir, "cannot watch the inbox; scanning it periodically", "error", err)
		notify = &fsnotify.Watcher{}
	} else {
		defer notify.Close()
	}
	ticker := time.NewTicker(rescanInterval)
	defer ticker.Stop()
	for {
		if err == nil {
			w.updateWatches(notify)
		}
		select {
		case <-ctx.Done():
			return
		case event := <-notify.Events:
			w.signal(event.Name)
		case failed := <-notify.Errors: // usually too many events at once
			w.warnOnce(w.Dir, "watch inbox", "error", failed)
			w.signalAll()
		case <-ticker.C:
			w.signalAll()
		}
	}
}

// updateWatches watches new and replaced folders, and warns about those of no stream.
func (w *watch) updateWatches(notify *fsnotify.Watcher) {
	for _, stream := range append([]string{""}, w.Streams...) {
		dir := filepath.Join(w.Dir, stream)
		if err := notify.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.warnOnce(dir, "cannot watch the inbox; scanning it periodically", "error", err)
		}
	}
	entries, err := readFolder(w.Dir)
	if err != nil {
		w.warnOnce(w.Dir, "cannot read the inbox folder; its files are not ingested", "error", err)
	}
	for _, e := range entries {
		if w.boxes[e.Name()] != nil || isUnfinished(e.Name()) {
			continue
		}
		path := filepath.Join(w.Dir, e.Name())
		w.warnOnce(path, "ignored in the inbox: not the folder of a stream; put files into the folder of a stream", "path", path)
	}
}

func (w *watch) signal(path string) {
	if b := cmp.Or(w.boxes[filepath.Base(filepath.Dir(path))], w.boxes[filepath.Base(path)]); b != nil {
		b.signal()
	}
}

func (w *watch) signalAll() {
	for _, b := range w.boxes {
		b.signal()
	}
}

// warnOnce logs a message about a path the first time.
func (w *watch) warnOnce(path, message string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key := path + "\x00" + message; !w.logged[key] {
		w.logged[key] = true
		w.Log.Warn(message, args...)
	}
}
