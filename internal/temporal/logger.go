// Logging of the embedded server and of clients: only warnings and errors, and only while the server serves.

package temporal

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

type phase int32

const (
	starting phase = iota
	serving
	stopping
)

// gate passes log records while the server serves. Records before and after only say that its services do not reach each other.
// Start returns an error if the start fails.
type gate struct {
	out   *slog.Logger
	phase atomic.Int32
}

func (g *gate) setPhase(p phase) { g.phase.Store(int32(p)) }

func (g *gate) isIn(p phase) bool { return g.phase.Load() == int32(p) }

func (g *gate) passes(level slog.Level) bool {
	return level >= slog.LevelWarn && g.isIn(serving) && g.out.Enabled(context.Background(), level)
}

// fatalError is the panic value of Fatal: an error after which the server cannot continue.
type fatalError struct{ message string }

func (f fatalError) Error() string { return f.message }

// serverLogger adapts the gate to the logging interface of the server, and through an adapter of the server to that of the client.
type serverLogger struct {
	*gate
	prefix string // of every message
	tags   []tag.Tag
}

var _ log.WithLogger = (*serverLogger)(nil)

// With returns a logger that adds tags to every record.
func (l *serverLogger) With(tags ...tag.Tag) log.Logger {
	return &serverLogger{gate: l.gate, prefix: l.prefix, tags: append(l.tags[:len(l.tags):len(l.tags)], tags...)}
}

// Debug is dropped.
func (l *serverLogger) Debug(string, ...tag.Tag) {}

// Info is dropped.
func (l *serverLogger) Info(string, ...tag.Tag) {}

// Warn writes a warning.
func (l *serverLogger) Warn(msg string, tags ...tag.Tag) { l.write(slog.LevelWarn, msg, tags) }

// Error writes an error.
func (l *serverLogger) Error(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// DPanic writes an error. The server uses it for states that should be impossible but do not stop it.
func (l *serverLogger) DPanic(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// Panic is Fatal.
func (l *serverLogger) Panic(msg string, tags ...tag.Tag) { l.Fatal(msg, tags...) }

// Fatal panics, which ends the process unless Start recovers it. While the server stops it ends only the goroutine, because a
// closed listener is expected then.
func (l *serverLogger) Fatal(msg string, tags ...tag.Tag) {
	if l.isIn(stopping) {
		runtime.Goexit()
	}
	for _, t := range tags {
		msg += fmt.Sprintf(", %s: %v", t.Key(), t.Value())
	}
	panic(fatalError{message: msg})
}

func (l *serverLogger) write(level slog.Level, msg string, tags []tag.Tag) {
	if !l.passes(level) || suppressed[msg] {
		return
	}
	attrs := make([]slog.Attr, 0, len(l.tags)+len(tags))
	for _, list := range [][]tag.Tag{l.tags, tags} {
		for _, t := range list {
			attrs = append(attrs, slog.Any(t.Key(), t.Value()))
		}
	}
	l.out.LogAttrs(context.Background(), level, l.prefix+msg, attrs...)
}

// suppressed are messages of the client library, which the server uses as well, that callers learn anyway: the error of an
// activity is returned to the caller of the workflow, a refused heartbeat cancels its activity, and a failed poll is repeated
// while the embedded server logs the reason. Of a cluster, outages log it.
var suppressed = map[string]bool{
	"Activity error.":                    true,
	"RecordActivityHeartbeat with error": true,
	"Failed to poll for task.":           true,
}
