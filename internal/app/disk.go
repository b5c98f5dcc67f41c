// disk.go ends a run whose disk takes no more: Temporal keeps its history on that disk too, and would wait for room
// for ever.

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"bursar/internal/failure"
)

// diskTroubles are SQLite's words for a disk that takes no more; its errors reach the log only.
var diskTroubles = []string{"database or disk is full", "disk I/O error"}

// diskWatch ends what is under way with the first trouble of the disk.
type diskWatch struct {
	mu    sync.Mutex
	tasks map[*diskTask]bool
	last  time.Time // when one was told
}

// diskTask is one thing under way.
type diskTask struct {
	stop context.CancelCauseFunc
	err  error
}

// over returns a context that ends with the first trouble of the disk, and the task to ask for it. The task's end must
// be called.
func (d *diskWatch) over(ctx context.Context) (_ context.Context, told func() error, end func()) {
	ctx, stop := context.WithCancelCause(ctx)
	task := &diskTask{stop: stop}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tasks == nil {
		d.tasks = map[*diskTask]bool{}
	}
	d.tasks[task] = true
	told = func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		return task.err
	}
	end = func() {
		stop(nil)
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.tasks, task)
	}
	return ctx, told, end
}

func (d *diskWatch) tell(err error) {
	err = failure.Wrap(failure.Transient, err)
	d.mu.Lock()
	defer d.mu.Unlock()
	for task := range d.tasks {
		if task.err == nil {
			task.err, d.last = err, time.Now()
			task.stop(err)
		}
	}
}

// hush is how long the log is silent about what follows a trouble that something under way was told of.
const hush = 30 * time.Second

// heard is true for a while after something under way has been told of trouble.
func (d *diskWatch) heard() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.last.IsZero() && time.Since(d.last) < hush
}

// isFull is true of the system's answers that a person must make room for: trying again in a moment is in vain.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// diskHandler hears the disk's troubles in Temporal's log. Then it is silent: all that follows says the same.
type diskHandler struct {
	slog.Handler
	watch *diskWatch
}

// Enabled lets errors in whatever the log's own level is.
func (h diskHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || h.Handler.Enabled(ctx, level)
}

// Handle passes on what is not about the disk.
func (h diskHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		text := a.Value.String()
		for _, trouble := range diskTroubles {
			if strings.Contains(text, trouble) {
				h.watch.tell(fmt.Errorf("write the history of workflows: %s", trouble))
				return false
			}
		}
		return true
	})
	if !h.watch.heard() && h.Handler.Enabled(ctx, r.Level) {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

// WithAttrs returns a handler that adds attrs to every record.
func (h diskHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return diskHandler{h.Handler.WithAttrs(attrs), h.watch}
}

// WithGroup returns a handler that puts what follows into a group.
func (h diskHandler) WithGroup(name string) slog.Handler {
	return diskHandler{h.Handler.WithGroup(name), h.watch}
}
