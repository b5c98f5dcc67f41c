// Waiting through outages, in virtual time, and what is logged of them.

package temporal

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/server/common/log/tag"
)

// TestOutlast waits for a server that is away for an hour, and does not wait after other errors.
func TestOutlast(t *testing.T) {
	t.Parallel()
	other := errors.New("the workflow failed")
	for name, tt := range map[string]struct {
		away    error
		then    error
		timeout time.Duration
		want    error
		took    time.Duration
	}{
		"unreachable":           {serviceerror.NewUnavailable("no"), nil, 2 * time.Hour, nil, time.Hour},
		"late":                  {serviceerror.NewDeadlineExceeded("no"), other, 2 * time.Hour, other, time.Hour},
		"not an outage":         {other, nil, time.Hour, other, 0},
		"the caller gives up":   {serviceerror.NewUnavailable("no"), nil, time.Minute, serviceerror.NewUnavailable("no"), time.Minute},
		"there is no such name": {serviceerror.NewNamespaceNotFound("n"), nil, time.Minute, serviceerror.NewNamespaceNotFound("n"), 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
			defer cancel()
			began := time.Now()
			err := outlast(ctx, slog.New(slog.DiscardHandler), func() error {
				if time.Since(began) < time.Hour {
					return tt.away
				}
				return tt.then
			})
			if (err == nil) != (tt.want == nil) || err != nil && err.Error() != tt.want.Error() {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
			if took := time.Since(began); took < tt.took || took > tt.took+outageWait.Most {
				t.Errorf("%s: it took %v, want %v", name, took, tt.took)
			}
		})
	}
}

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
