// What all workers have in common.

package temporal

import (
	"time"

	"go.temporal.io/sdk/worker"
)

// WorkerOptions returns the options that all workers start from.
func WorkerOptions() worker.Options {
	return worker.Options{
		// A step, or another process, may use all cores, so that workflow code waits; that is not a deadlock.
		DeadlockDetectionTimeout: time.Minute,
		// Code that does not fit a recorded history fails the workflow, visibly; the next workflow continues from the catalog.
		WorkflowPanicPolicy: worker.FailWorkflow,
		// A workflow goes on in the process that has it in memory. If that one is gone, it goes on in another after this time.
		StickyScheduleToStartTimeout: time.Second,
	}
}
