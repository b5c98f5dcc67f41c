// Package inbox watches a folder that people and programs put files into, one subfolder a stream, and hands on the files that
// are whole. It owns the names and places of these files. It guarantees that a file is handed on only once nobody
// writes it any more, as far as the system can tell, and that it is moved only after it was taken: a crash in
// between hands it on again, which must change nothing. It must not know what is in a file.
package inbox

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// The folders below a stream's that its files end in.
const (
	TakenFolder  = "taken"
	FailedFolder = "failed"
)

// DefaultStableFor is how long a file must not have changed where nothing else is said.
const DefaultStableFor = 2 * time.Second

// rescanInterval is how often folders are looked at without being told of a change: not every file system tells.
const rescanInterval = 5 * time.Second

// Options of a watch.
type Options struct {
	Dir     string   // holds a folder for each stream; made when missing, with these folders
	Streams []string // the streams that take files
	// Take takes whole files of a stream in, together; it may be called for several streams at once. What its error may
	// be retried for by class is tried again later. When it cannot be, each file is tried alone, and those that fail
	// are set aside. Files that were taken before must change nothing.
	Ingest    func(ctx context.Context, stream string, paths []string) error
	StableFor time.Duration // size and time of a file have not changed for so long; 0 is DefaultSettle
	Log       *slog.Logger
}

// Watch hands files on until the context ends. A folder that cannot be made or read is logged, and keeps back its own files only.
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

// watch is what all streams share.
type watch struct {
	Options
	boxes  map[string]*streamFolder
	mu     sync.Mutex
	logged map[string]bool // what was logged: once is enough
}

// listen wakes boxes that something happened in.
func (w *watch) listen(ctx context.Context) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		w.warnOnce(w.Dir, "watch inbox: files are found by looking now and then", "error", err)
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
		case failed := <-notify.Errors: // most often too many events at once
			w.warnOnce(w.Dir, "watch inbox", "error", failed)
			w.signalAll()
		case <-ticker.C:
			w.signalAll()
		}
	}
}

// updateWatches has new and renewed folders watched, and tells of those that nobody takes files from.
func (w *watch) updateWatches(notify *fsnotify.Watcher) {
	for _, dir := range append([]string{w.Dir}, w.folders()...) {
		if err := notify.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.warnOnce(dir, "watch inbox: files are found by looking now and then", "error", err)
		}
	}
	entries, err := readFolder(w.Dir)
	if err != nil {
		w.warnOnce(w.Dir, "read inbox: no file is taken from it", "error", err)
	}
	for _, e := range entries {
		if w.boxes[e.Name()] != nil || isUnfinished(e.Name()) {
			continue
		}
		path := filepath.Join(w.Dir, e.Name())
		w.warnOnce(path, "left in the inbox: there is no such stream; files belong into the folder of a stream", "path", path)
	}
}

func (w *watch) folders() (dirs []string) {
	for _, b := range w.boxes {
		dirs = append(dirs, b.dir)
	}
	slices.Sort(dirs)
	return dirs
}

func (w *watch) signal(path string) {
	if b := w.boxes[filepath.Base(filepath.Dir(path))]; b != nil {
		b.signal()
	} else if b := w.boxes[filepath.Base(path)]; b != nil {
		b.signal()
	}
}

func (w *watch) signalAll() {
	for _, b := range w.boxes {
		b.signal()
	}
}

// warnOnce logs what is said of a path for the first time.
func (w *watch) warnOnce(path, message string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if key := path + "\x00" + message; !w.logged[key] {
		w.logged[key] = true
		w.Log.Warn(message, args...)
	}
}
