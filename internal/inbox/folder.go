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

// maxFiles is how many files are handed on together.
const maxFiles = 1000

// streamFolder is one stream's folder.
type streamFolder struct {
	watch  *watch
	stream string
	dir    string
	seen   map[string]observation
	wake   chan struct{} // of one
	pause  time.Duration // after an error that may pass

	decided map[string]outcome // files that were handed on and lie where they lay
}

// observation is what a file looked like, and since when.
type observation struct {
	file  fs.FileInfo
	since time.Time
}

func (b *streamFolder) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run hands files on until the context ends.
func (b *streamFolder) run(ctx context.Context) {
	for ctx.Err() == nil {
		files, next := b.scan(time.Now())
		if len(files) > 0 {
			if next = b.ingest(ctx, files); next == 0 {
				continue
			}
		}
		b.wait(ctx, next)
	}
}

// wait waits until there is a reason to look again. A pause after an error is kept, whatever happens.
func (b *streamFolder) wait(ctx context.Context, next time.Duration) {
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
func (b *streamFolder) scan(now time.Time) (complete []string, next time.Duration) {
	b.moveDecided()
	entries, err := readFolder(b.dir)
	if err != nil {
		b.watch.warnOnce(b.dir, "read inbox: no file is taken from it", "error", err)
	}
	before := b.seen
	b.seen = map[string]observation{}
	for _, e := range entries {
		path := filepath.Join(b.dir, e.Name())
		info, ok := b.candidate(path, e)
		if !ok {
			continue
		}
		s, was := before[path]
		if !was || !sameFile(s.file, info) {
			s = observation{info, now}
		}
		b.seen[path] = s
		wait := b.watch.StableFor - now.Sub(s.since)
		if wait <= 0 {
			if b.isComplete(path) {
				complete = append(complete, path)
				continue
			}
			wait = b.watch.StableFor
		}
		if next == 0 || wait < next {
			next = wait
		}
	}
	slices.SortStableFunc(complete, func(x, y string) int { return b.seen[x].file.ModTime().Compare(b.seen[y].file.ModTime()) })
	return complete[:min(len(complete), maxFiles)], next
}

// readFolder lists a folder, which is made when missing. What is not a folder is an error: opening a pipe would wait for ever.
func readFolder(dir string) ([]fs.DirEntry, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.ReadDir(dir)
}

// candidate leaves what is no file, not meant to be taken yet, or decided on.
func (b *streamFolder) candidate(path string, e fs.DirEntry) (fs.FileInfo, bool) {
	name := e.Name()
	if isUnfinished(name) || e.IsDir() && (name == TakenFolder || name == FailedFolder) {
		return nil, false
	}
	if !e.Type().IsRegular() {
		b.watch.warnOnce(path, "left in the inbox: only files are taken, no folders and no links", "path", path)
		return nil, false
	}
	info, err := e.Info()
	if err != nil { // it is gone again
		return nil, false
	}
	d, decided := b.decided[path]
	return info, !decided || !sameFile(info, d.file)
}

// isComplete reports whether a file can be read and nobody is writing it.
func (b *streamFolder) isComplete(path string) bool {
	file, err := openFile(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.watch.warnOnce(path, "left in the inbox: it cannot be read", "error", err)
		}
		return false
	}
	defer file.Close()
	return !isOpenForWriting(file)
}

// ingest hands files on and moves them. It gives how long to wait before the next try; 0 is not at all.
func (b *streamFolder) ingest(ctx context.Context, files []string) time.Duration {
	err := b.watch.Ingest(ctx, b.stream, files)
	switch {
	case err == nil:
		b.recordOutcome(files, nil)
	case ctx.Err() == nil && (!failure.Of(err).Retryable() || b.pause > 0 && len(files) > 1): // one must not stop the others
		err = b.ingestEach(ctx, files, err)
	}
	b.moveDecided()
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

// recordOutcome notes what became of files.
func (b *streamFolder) recordOutcome(files []string, reason error) {
	for _, path := range files {
		b.decided[path] = outcome{b.seen[path].file, reason}
	}
}

// ingestEach takes files one by one, as one of them has an error. Those whose error does not pass are set aside; the others are
// waited for, and it is an error only if nothing else could be done.
func (b *streamFolder) ingestEach(ctx context.Context, files []string, together error) (passing error) {
	done := 0
	for _, path := range files {
		err := together
		if len(files) > 1 {
			err = b.watch.Ingest(ctx, b.stream, []string{path})
		}
		switch {
		case err == nil:
			b.recordOutcome([]string{path}, nil)
		case ctx.Err() != nil || failure.Of(err) == failure.Throttled:
			return err
		case failure.Of(err).Retryable():
			b.watch.Log.Warn("take a file from the inbox: it is tried again", "stream", b.stream, "path", path, "error", err)
			delete(b.seen, path) // it settles anew
			passing = cmp.Or(passing, err)
			continue
		default:
			b.watch.Log.Error("set a file of the inbox aside", "stream", b.stream, "path", path, "error", err)
			b.recordOutcome([]string{path}, err)
		}
		done++
	}
	if done > 0 {
		return nil
	}
	return passing
}
