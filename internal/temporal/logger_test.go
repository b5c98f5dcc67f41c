// Filtering of log records by level and phase.

package temporal

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

func TestGateOpensWhileServing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	g := &gate{out: slog.New(slog.NewTextHandler(&out, nil))}
	server := (&serverLogger{gate: g, prefix: "temporal server: "}).With(tag.NewStringTag("service", "history"))
	client := log.NewSdkLogger(&serverLogger{gate: g}).With("worker", "w")
	speak := func(mark string) {
		server.Debug(mark + "-debug")
		server.Info(mark + "-info")
		server.Warn(mark+"-warn", tag.NewStringTag("key", "value"))
		server.Error(mark + "-error")
		client.Info(mark + "-client-info")
		client.Warn(mark + "-client-warn")
		for message := range suppressed {
			client.Error(message)
		}
	}
	speak("early")
	g.setPhase(serving)
	speak("now")
	g.setPhase(stopping)
	speak("late")

	logged := out.String()
	if got := strings.Count(logged, "\n"); got != 3 {
		t.Errorf("%d records, want 3:\n%s", got, logged)
	}
	for _, want := range []string{"now-warn\" service=history key=value", "now-error", "now-client-warn"} {
		if !strings.Contains(logged, want) {
			t.Errorf("%q is missing in\n%s", want, logged)
		}
	}
}

func TestFatalUnwindsOrEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	g := &gate{out: slog.New(slog.DiscardHandler)}
	logger := &serverLogger{gate: g}
	outcome := func() (cause any) {
		done := make(chan any, 1)
		go func() {
			defer func() { done <- recover() }()
			logger.Fatal("no port", tag.NewStringTag("error", "taken"))
		}()
		return <-done
	}
	f, ok := outcome().(fatalError)
	if !ok || f.Error() != "no port, error: taken" {
		t.Errorf("got %v, want a panic with the message and its tags", f)
	}
	g.setPhase(stopping)
	if cause := outcome(); cause != nil {
		t.Errorf("panic %v while stopping", cause)
	}
}
