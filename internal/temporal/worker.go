// What all workers have in common.

package temporal

import (
	"slices"
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

// StartWorkers starts workers in this order. If one cannot be started, those before it are stopped.
func StartWorkers(workers ...worker.Worker) error {
	for i, w := range workers {
		if err := w.Start(); err != nil {
			for _, started := range slices.Backward(workers[:i]) {
				started.Stop()
			}
			return err
		}
	}
	return nil
}
