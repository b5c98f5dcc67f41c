// One stream's folder of the inbox: finds complete files and passes them on.

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

// backoff is the pause after a retryable error that does not know when to retry.
var backoff = failure.Backoff{Least: time.Second, Most: time.Minute}

// maxFiles is how many files are passed on together.
const maxFiles = 1000

type streamFolder struct {
	watch    *watch
	stream   string
	dir      string
	seen     map[string]observation
	wake     chan struct{} // capacity 1
	failures int           // in a row, retryable
	pause    time.Duration // after a retryable error

	decided map[string]outcome // files that were passed on and were not moved yet
}

// observation is how a file looked, and since when.
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

// wait waits until there is a reason to scan again. A pause after an error is always completed.
func (b *streamFolder) wait(ctx context.Context, next time.Duration) {
	wake := b.wake
	var due <-chan time.Time
	if next > 0 {
		due = time.After(next)
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

// scan returns the complete files, oldest first, and when the next file may be complete; 0 if none is awaited.
func (b *streamFolder) scan(now time.Time) (complete []string, next time.Duration) {
	b.moveDecided()
	entries, err := readFolder(b.dir)
	if err != nil {
		b.watch.warnOnce(b.dir, "cannot read the inbox folder; its files are not ingested", "error", err)
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

// readFolder lists a folder, and creates it when missing. Anything but a folder is an error: opening a pipe would wait forever.
func readFolder(dir string) ([]fs.DirEntry, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.ReadDir(dir)
}

// candidate skips what is not a regular file, not complete yet, or already processed.
func (b *streamFolder) candidate(path string, e fs.DirEntry) (fs.FileInfo, bool) {
	name := e.Name()
	if isUnfinished(name) || e.IsDir() && (name == TakenFolder || name == FailedFolder) {
		return nil, false
	}
	if !e.Type().IsRegular() {
		b.watch.warnOnce(path, "ignored in the inbox: not a regular file", "path", path)
		return nil, false
	}
	info, err := e.Info()
	if err != nil { // it was removed
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
			b.watch.warnOnce(path, "ignored in the inbox: the file cannot be read", "error", err)
		}
		return false
	}
	defer file.Close()
	return !isOpenForWriting(file)
}

// ingest passes files on and moves them. It returns how long to wait before the next try; 0 is not at all.
func (b *streamFolder) ingest(ctx context.Context, files []string) time.Duration {
	err := b.watch.Ingest(ctx, b.stream, files)
	switch {
	case err == nil:
		b.recordOutcome(files, nil)
	case ctx.Err() == nil && (!failure.Of(err).Retryable() || b.pause > 0 && len(files) > 1): // one file must not block the others
		err = b.ingestEach(ctx, files, err)
	}
	b.moveDecided()
	switch {
	case ctx.Err() != nil:
		return 0
	case err == nil:
		b.failures, b.pause = 0, 0
		return 0
	}
	b.failures++
	b.pause = cmp.Or(failure.RetryAfter(err), backoff.After(b.failures))
	b.watch.Log.Warn("cannot ingest files of the inbox; retrying", "stream", b.stream, "files", len(files), "after", b.pause, "error", err)
	return b.pause
}

func (b *streamFolder) recordOutcome(files []string, reason error) {
	for _, path := range files {
		b.decided[path] = outcome{b.seen[path].file, reason}
	}
}

// ingestEach ingests files one by one, because one of them fails. Files with a permanent error are moved aside. Others are retried later;
// their error is returned only if nothing else could be done.
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
			b.watch.Log.Warn("cannot ingest a file of the inbox; retrying", "stream", b.stream, "path", path, "error", err)
			delete(b.seen, path) // it must be stable again
			passing = cmp.Or(passing, err)
			continue
		default:
			b.watch.Log.Error("a file of the inbox failed and is moved aside", "stream", b.stream, "path", path, "error", err)
			b.recordOutcome([]string{path}, err)
		}
		done++
	}
	if done > 0 {
		return nil
	}
	return passing
}
