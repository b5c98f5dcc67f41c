//go:build !race

// The recording of histories from the real server, for the replay test.

package flow

import (
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"bursar/internal/temporal/historytest"
)

// record records the history of the last workflow of an embedded server, if the flag of historytest is set.
func record(t *testing.T, c client.Client, name string) {
	t.Helper()
	if !strings.HasPrefix(t.Name(), onCluster) {
		historytest.Record(t, c, WorkflowID("orders"), name)
	}
}
