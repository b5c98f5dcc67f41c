// The stores of a test, with this package's own checks.

package live_test

import (
	"context"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/eventtest"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/project"
)

// ingestFile ingests a file between batches of requests.
func ingestFile(ctx context.Context, l *live.Intake, st *event.Store, s *project.Stream, path string) (intake.Result, error) {
	return live.Exclusively(ctx, l, func(ctx context.Context) (intake.Result, error) {
		return intake.Ingest(ctx, st, s, []string{path}, intake.Options{})
	})
}

// harness is a test's stores and stream.
type harness struct{ *eventtest.Harness }

func newHarness(t testing.TB, yaml string) *harness {
	t.Helper()
	return &harness{eventtest.New(t, yaml)}
}

var (
	salesYAML = eventtest.SalesYAML
	plainYAML = eventtest.PlainYAML
	sale      = eventtest.Sale
)
