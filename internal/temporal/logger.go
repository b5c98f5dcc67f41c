// What the embedded server and its client may say: warnings and errors while it serves.

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

// phase is where a server is in its life.
type phase int32

const (
	starting phase = iota
	serving
	stopping
)

// gate lets records through while the server serves. What it says before is that its parts do not answer each other
// yet, and after, that they no longer do; a start that fails is told by the error of Start.
type gate struct {
	out *slog.Logger
	now atomic.Int32
}

func (g *gate) enter(p phase) { g.now.Store(int32(p)) }

func (g *gate) in(p phase) bool { return g.now.Load() == int32(p) }

func (g *gate) open(level slog.Level) bool {
	return level >= slog.LevelWarn && g.in(serving) && g.out.Enabled(context.Background(), level)
}

// fatal is what the server could not go on after.
type fatal struct{ message string }

func (f fatal) Error() string { return f.message }

// serverLogger adapts the gate to the server's logging interface.
type serverLogger struct {
	*gate
	tags []tag.Tag
}

var _ log.WithLogger = (*serverLogger)(nil)

// With returns a logger that adds tags to every record.
func (l *serverLogger) With(tags ...tag.Tag) log.Logger {
	return &serverLogger{gate: l.gate, tags: append(l.tags[:len(l.tags):len(l.tags)], tags...)}
}

// Debug is dropped.
func (l *serverLogger) Debug(string, ...tag.Tag) {}

// Info is dropped.
func (l *serverLogger) Info(string, ...tag.Tag) {}

// Warn writes a warning.
func (l *serverLogger) Warn(msg string, tags ...tag.Tag) { l.write(slog.LevelWarn, msg, tags) }

// Error writes an error.
func (l *serverLogger) Error(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// DPanic writes an error: the server marks with it what should not be, yet can be lived with.
func (l *serverLogger) DPanic(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// Panic ends the process, unless Start is there to report it.
func (l *serverLogger) Panic(msg string, tags ...tag.Tag) { l.Fatal(msg, tags...) }

// Fatal ends the process, unless Start is there to report it. While stopping it ends the goroutine alone: a listener
// that is closed under a service is then no failure.
func (l *serverLogger) Fatal(msg string, tags ...tag.Tag) {
	if l.in(stopping) {
		runtime.Goexit()
	}
	for _, t := range tags {
		msg += fmt.Sprintf(", %s: %v", t.Key(), t.Value())
	}
	panic(fatal{message: msg})
}

func (l *serverLogger) write(level slog.Level, msg string, tags []tag.Tag) {
	if !l.open(level) || silent[msg] {
		return
	}
	attrs := make([]slog.Attr, 0, len(l.tags)+len(tags))
	for _, list := range [][]tag.Tag{l.tags, tags} {
		for _, t := range list {
			attrs = append(attrs, slog.Any(t.Key(), t.Value()))
		}
	}
	l.out.LogAttrs(context.Background(), level, "temporal server: "+msg, attrs...)
}

// silent are records of the client library, which the server uses as well, that tell only what its callers learn anyway: the error
// an activity returned goes to whoever waits for the workflow, a heartbeat that is refused cancels its activity, and a
// poll that fails is made again while the server tells why.
var silent = map[string]bool{
	"Activity error.":                    true,
	"RecordActivityHeartbeat with error": true,
	"Failed to poll for task.":           true,
}

// clientHandler passes the client library's records through the gate.
type clientHandler struct {
	*gate
	inner slog.Handler
}

func newClientHandler(g *gate) clientHandler { return clientHandler{gate: g, inner: g.out.Handler()} }

// Enabled reports whether records of a level go anywhere.
func (h clientHandler) Enabled(_ context.Context, level slog.Level) bool { return h.open(level) }

// Handle writes one record.
func (h clientHandler) Handle(ctx context.Context, r slog.Record) error {
	if silent[r.Message] {
		return nil
	}
	return h.inner.Handle(ctx, r)
}

// WithAttrs returns a handler that adds attrs to every record.
func (h clientHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return clientHandler{gate: h.gate, inner: h.inner.WithAttrs(attrs)}
}

// WithGroup returns a handler that puts what follows into a group.
func (h clientHandler) WithGroup(name string) slog.Handler {
	return clientHandler{gate: h.gate, inner: h.inner.WithGroup(name)}
}
