// What is logged of a cluster that does not answer, in virtual time.

package temporal

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/server/common/log/tag"
)

// TestLoggedOutages fails polls for ten minutes.
func TestLoggedOutages(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		reports bool
		err     error
		want    int
	}{
		"a cluster":           {true, errors.New("connection refused"), 10},
		"a stopping worker":   {true, errors.New("worker stopping"), 0},
		"the embedded server": {false, errors.New("connection refused"), 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var text strings.Builder
			l := &serverLogger{gate: &gate{out: slog.New(slog.NewTextHandler(&text, nil)), reportsOutages: tt.reports}}
			l.setPhase(serving)
			for range 600 {
				l.Warn(failedPoll, tag.NewAnyTag("Error", tt.err))
				<-time.After(time.Second)
			}
			if got := strings.Count(text.String(), "temporal gives no tasks; retrying"); got != tt.want || strings.Count(text.String(), "\n") != got {
				t.Errorf("%s: %d warnings, want %d: %s", name, got, tt.want, text.String())
			}
		})
	}
}
