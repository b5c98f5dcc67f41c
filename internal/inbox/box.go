package inbox

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bursar/internal/failure"
)

// The pauses after an error that may pass, doubling from the least to the most.
const (
	leastBackoff = time.Second
	mostBackoff  = time.Minute
)

// most is how many files are handed on together.
const most = 1000

// box is one stream's folder.
type box struct {
	watch  *watch
	stream string
	dir    string
	seen   map[string]sighting
	wake   chan struct{} // of one
	pause  time.Duration // after an error that may pass
}

// sighting is what a file looked like, and since when.
type sighting struct {
	size  int64
	time  time.Time
	since time.Time
}

func (b *box) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run hands files on until the context ends.
func (b *box) run(ctx context.Context) {
	for ctx.Err() == nil {
		files, next := b.scan(time.Now())
		if len(files) > 0 {
			if next = b.take(ctx, files); next == 0 {
				continue
			}
		}
		b.rest(ctx, next)
	}
}

// rest waits until there is a reason to look again. A pause after an error is kept, whatever happens.
func (b *box) rest(ctx context.Context, next time.Duration) {
	wake := b.wake
	var due <-chan time.Time
	if next > 0 {
		timer := time.NewTimer(next)
		defer timer.Stop()
		due = timer.C
	}
	if b.pause > 0 {
		wake = nil
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-due:
	}
}

// scan finds the files that are whole, oldest first, and when the next may be; 0 when none is waited for.
func (b *box) scan(now time.Time) (whole []string, next time.Duration) {
	entries, err := os.ReadDir(b.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.watch.once(b.dir, "read inbox", "error", err)
	}
	before := b.seen
	b.seen = map[string]sighting{}
	for _, e := range entries {
		path := filepath.Join(b.dir, e.Name())
		info, ok := b.candidate(path, e)
		if !ok {
			continue
		}
		s := before[path]
		if s.size != info.Size() || !s.time.Equal(info.ModTime()) || s.since.IsZero() {
			s = sighting{size: info.Size(), time: info.ModTime(), since: now}
		}
		b.seen[path] = s
		wait := b.watch.Settle - now.Sub(s.since)
		if wait <= 0 {
			if b.isFree(path) {
				whole = append(whole, path)
				continue
			}
			wait = b.watch.Settle
		}
		if next == 0 || wait < next {
			next = wait
		}
	}
	slices.SortStableFunc(whole, func(x, y string) int { return b.seen[x].time.Compare(b.seen[y].time) })
	return whole[:min(len(whole), most)], next
}

// candidate leaves what is no file, or not meant to be taken yet.
func (b *box) candidate(path string, e fs.DirEntry) (fs.FileInfo, bool) {
	name := e.Name()
	if isUnfinished(name) || e.IsDir() && (name == TakenFolder || name == FailedFolder) {
		return nil, false
	}
	if !e.Type().IsRegular() {
		b.watch.once(path, "left in the inbox: only files are taken, no folders and no links", "path", path)
		return nil, false
	}
	info, err := e.Info()
	if err != nil { // it is gone again
		return nil, false
	}
	return info, true
}

// isFree reports whether a file can be read and nobody is writing it.
func (b *box) isFree(path string) bool {
	file, err := openFile(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.watch.once(path, "left in the inbox: it cannot be read", "error", err)
		}
		return false
	}
	defer file.Close()
	return !isWritten(file)
}

// take hands files on and moves them. It gives how long to wait before the next try; 0 is not at all.
func (b *box) take(ctx context.Context, files []string) time.Duration {
	err := b.watch.Take(ctx, b.stream, files)
	if err != nil && ctx.Err() == nil && !failure.Of(err).Retryable() {
		err = b.takeEach(ctx, files, err)
	} else if err == nil {
		err = b.move(files, TakenFolder)
	}
	switch {
	case ctx.Err() != nil:
		return 0
	case err == nil:
		b.pause = 0
		return 0
	}
	b.pause = cmp.Or(failure.RetryAfter(err), min(max(2*b.pause, leastBackoff), mostBackoff))
	b.watch.Log.Warn("take files from the inbox: it is tried again", "stream", b.stream, "files", len(files), "after", b.pause, "error", err)
	return b.pause
}

// takeEach takes files one by one, as one of them has an error that does not pass, and sets aside those that have.
func (b *box) takeEach(ctx context.Context, files []string, together error) error {
	for _, path := range files {
		err := together
		if len(files) > 1 {
			err = b.watch.Take(ctx, b.stream, []string{path})
		}
		switch {
		case err == nil:
			err = b.move([]string{path}, TakenFolder)
		case failure.Of(err).Retryable() || ctx.Err() != nil:
		default:
			b.watch.Log.Error("set a file of the inbox aside", "stream", b.stream, "path", path, "error", err)
			err = b.setAside(path, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
