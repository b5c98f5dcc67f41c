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

// diskErrorTexts are SQLite's words for a disk that takes no more; its errors reach the log only.
var diskErrorTexts = []string{"database or disk is full", "disk I/O error"}

// diskMonitor ends what is under way with the first trouble of the disk.
type diskMonitor struct {
	mu         sync.Mutex
	tasks      map[*diskTask]bool
	lastReport time.Time // when one was told
}

// diskTask is one thing under way.
type diskTask struct {
	cancel context.CancelCauseFunc
	err    error
}

// watch returns a context that ends with the first trouble of the disk, and the task to ask for it. The task's end must
// be called.
func (d *diskMonitor) watch(ctx context.Context) (_ context.Context, taskErr func() error, end func()) {
	ctx, stop := context.WithCancelCause(ctx)
	task := &diskTask{cancel: stop}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tasks == nil {
		d.tasks = map[*diskTask]bool{}
	}
	d.tasks[task] = true
	taskErr = func() error {
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
	return ctx, taskErr, end
}

func (d *diskMonitor) reportError(err error) {
	err = failure.Wrap(failure.Transient, err)
	d.mu.Lock()
	defer d.mu.Unlock()
	for task := range d.tasks {
		if task.err == nil {
			task.err, d.lastReport = err, time.Now()
			task.cancel(err)
		}
	}
}

// quietPeriod is how long the log is silent about what follows a trouble that something under way was told of.
const quietPeriod = 30 * time.Second

// reportedRecently is true for a while after something under way has been told of trouble.
func (d *diskMonitor) reportedRecently() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.lastReport.IsZero() && time.Since(d.lastReport) < quietPeriod
}

// isDiskFull is true of the system's answers that a person must make room for: trying again in a moment is in vain.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// diskHandler hears the disk's troubles in Temporal's log. Then it is silent: all that follows says the same.
type diskHandler struct {
	slog.Handler
	monitor *diskMonitor
}

// Enabled lets errors in whatever the log's own level is.
func (h diskHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || h.Handler.Enabled(ctx, level)
}

// Handle passes on what is not about the disk.
func (h diskHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		text := a.Value.String()
		for _, known := range diskErrorTexts {
			if strings.Contains(text, known) {
				h.monitor.reportError(fmt.Errorf("write the history of workflows: %s", known))
				return false
			}
		}
		return true
	})
	if !h.monitor.reportedRecently() && h.Handler.Enabled(ctx, r.Level) {
		return h.Handler.Handle(ctx, r)
	}
	return nil
}

// WithAttrs returns a handler that adds attrs to every record.
func (h diskHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return diskHandler{h.Handler.WithAttrs(attrs), h.monitor}
}

// WithGroup returns a handler that puts what follows into a group.
func (h diskHandler) WithGroup(name string) slog.Handler {
	return diskHandler{h.Handler.WithGroup(name), h.monitor}
}
