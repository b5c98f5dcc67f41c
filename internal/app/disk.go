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

	"bursar/internal/failure"
)

// diskTroubles are SQLite's words for a disk that takes no more; its errors reach the log only.
var diskTroubles = []string{"database or disk is full", "disk I/O error"}

// diskWatch holds the first trouble of the disk and ends what is under way.
type diskWatch struct {
	mu   sync.Mutex
	err  error
	stop context.CancelCauseFunc
}

// over returns a context that ends with the first trouble of the disk.
func (d *diskWatch) over(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, stop := context.WithCancelCause(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop, d.err = stop, nil
	return ctx, stop
}

func (d *diskWatch) tell(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil && d.stop != nil {
		d.err = failure.Wrap(failure.Transient, err)
		d.stop(d.err)
	}
}

// told is the first trouble, nil if there is none.
func (d *diskWatch) told() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
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
	if h.watch.told() == nil && h.Handler.Enabled(ctx, r.Level) {
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
