// Replay of recorded histories: a change of a workflow that breaks running ones fails here.

package flow

import (
	"testing"

	"bursar/internal/temporal/historytest"
)

func TestWorkflowReplaysRecordedHistories(t *testing.T) {
	t.Parallel()
	historytest.Replay(t, Schedule, Account, Institution)
}
