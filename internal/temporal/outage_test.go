// What is logged of a cluster that does not answer, in virtual time.

package temporal

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestLoggedOutages has requests fail for ten minutes, and be answered afterwards.
func TestLoggedOutages(t *testing.T) {
	t.Parallel()
	poll, other := &workflowservice.PollActivityTaskQueueRequest{}, &workflowservice.SignalWorkflowExecutionRequest{}
	for name, tt := range map[string]struct {
		request  any
		code     codes.Code
		unused   bool
		warnings int
	}{
		"no connection":              {other, codes.Unavailable, false, 10},
		"no connection for a poll":   {poll, codes.Unavailable, false, 10},
		"no answer to a poll":        {poll, codes.DeadlineExceeded, false, 10},
		"no namespace":               {poll, codes.NotFound, false, 10},
		"a stopping worker":          {poll, codes.Canceled, false, 0},
		"a request with little time": {other, codes.DeadlineExceeded, false, 0},
		"a refused request":          {other, codes.NotFound, false, 0},
		"while it is dialled":        {other, codes.Unavailable, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var text strings.Builder
			o := &outages{log: slog.New(slog.NewTextHandler(&text, nil)), address: "env:TEMPORAL"}
			o.on.Store(!tt.unused)
			code := tt.code
			send := func() {
				_ = o.observe(t.Context(), "method", tt.request, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
					return status.Error(code, "connection refused")
				})
			}
			for range 600 {
				send()
				<-time.After(time.Second)
			}
			code = codes.OK
			send()
			send()
			got, back := text.String(), min(tt.warnings, 1)
			if strings.Count(got, `temporal does not answer; waiting for it" address=env:TEMPORAL error="connection refused"`) != tt.warnings ||
				strings.Count(got, `level=INFO msg="temporal answers again" address=env:TEMPORAL`) != back || strings.Count(got, "\n") != tt.warnings+back {
				t.Errorf("%s: logged is %s", name, got)
			}
		})
	}
}
