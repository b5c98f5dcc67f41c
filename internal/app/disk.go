// A disk that is full or fails: runs end, because Temporal keeps its history on the same disk and would wait for space forever.

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

// diskErrorTexts are SQLite's messages for a full or failing disk. The server's errors reach only its log.
var diskErrorTexts = []string{"database or disk is full", "disk I/O error"}

// diskMonitor cancels the running tasks at the first error of the disk.
type diskMonitor struct {
	mu         sync.Mutex
	tasks      map[*diskTask]bool
	lastReport time.Time // when a running task was cancelled
}

type diskTask struct {
	cancel context.CancelCauseFunc
	err    error
}

// watch returns a context that ends at the first error of the disk, and a function that returns this error. end must be called.
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

// quietPeriod is how long further disk errors are not logged after one was reported.
const quietPeriod = 30 * time.Second

func (d *diskMonitor) reportedRecently() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.lastReport.IsZero() && time.Since(d.lastReport) < quietPeriod
}

// isDiskFull reports whether an error means that a person must free disk space, so that retrying soon is useless.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// diskHandler finds disk errors in Temporal's log and reports them. After one it suppresses the log for the quiet period.
type diskHandler struct {
	slog.Handler
	monitor *diskMonitor
}

// Enabled lets errors through whatever the level of the log is.
func (h diskHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || h.Handler.Enabled(ctx, level)
}

// Handle reports a record about the disk, and passes on other records.
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
