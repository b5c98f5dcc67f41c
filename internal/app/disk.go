// A disk that is full, read-only or fails: commands that only read open the project without writing, and runs end, because Temporal keeps
// its history on the same disk and would wait for space forever.

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/event/ids"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// OpenReadOnly is Open for a command that only reads. If the disk is read-only or full, it opens the stores without writing.
func OpenReadOnly(ctx context.Context, dir, command string, log *slog.Logger) (*App, error) {
	return openProject(ctx, dir, command, log, func(a *App, err error) error {
		if !isUnwritable(err) {
			return err
		}
		a.log.Warn("the disk cannot be written; the project is open for reading only", "error", err)
		return a.openReadOnly(ctx, err)
	})
}

// probeBytes is about the disk space that opening the stores needs.
const probeBytes = 512 << 10

// probeWritable checks whether the stores can be opened for writing. Pebble would end the process if it could not create its
// files.
func probeWritable(state string) error {
	probe, err := os.CreateTemp(state, "probe-*")
	if err != nil {
		return fmt.Errorf("write to %s: %w", state, err)
	}
	_, err = probe.Write(make([]byte, probeBytes))
	return errors.Join(err, probe.Close(), os.Remove(probe.Name()))
}

// openReadOnly opens the stores for reading only. The scratch folder is in the system's folder for temporary files.
func (a *App) openReadOnly(ctx context.Context, full error) error {
	if !a.Project.Config.IsLocal() {
		return full // copies of objects need space
	}
	scratch, err := os.MkdirTemp("", "bursar-")
	if err != nil {
		return fmt.Errorf("create scratch folder: %w", err)
	}
	a.closers = append(a.closers, func() error { return os.RemoveAll(scratch) })
	records, err := catalog.OpenReadOnly(filepath.Join(a.state, "catalog.db"))
	if errors.Is(err, fs.ErrNotExist) { // the project has no data, and cannot get any
		return full
	}
	if err != nil {
		return failure.Wrap(failure.Transient, fmt.Errorf("%w; free space on the disk, or copy the project to another one", err))
	}
	a.closers = append(a.closers, records.Close)
	a.catalog = records
	if a.index, err = artifact.OpenPebbleReadOnly(a.indexFolder(), 0); err != nil {
		return err
	}
	a.closers = append(a.closers, a.index.Close)
	secret, err := ids.ReadSecret(ctx, records, filepath.Join(a.state, "identity.key"))
	if err != nil {
		return err
	}
	a.compose(object.NewFolder(filepath.Join(a.state, "objects")), records, scratch, secret)
	return nil
}

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
