// The workers of streams: one of the role's task queue, and one of the queue of this process.

package flow

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"bursar/internal/temporal"
)

// heartbeatInterval is the time between heartbeats, and so the longest time until an owner notices that another process asked for its stream.
const heartbeatInterval = 500 * time.Millisecond

// stopTimeout bounds how long the owned streams of a process may take to end when it stops.
const stopTimeout = time.Minute

// maxStreams bounds the streams that a process owns at a time.
const maxStreams = 10_000

// Streams is what owns streams in this process.
type Streams interface {
	// Own owns a stream until ctx ends, and returns when everything that was accepted is sealed or left to the next owner.
	Own(ctx context.Context, stream string) error
}

// Workers are some workers of streams in one process.
type Workers []worker.Worker

// NewWorkers returns the workers that a process needs to ask for streams: of the workflows, and of the streams that it asked for. The caller starts
// them before the first request and stops them before the client closes; stopping ends the ownership of these streams.
func NewWorkers(c client.Client, streams Streams, project, process string) Workers {
	workflows := workerOptions()
	workflows.LocalActivityWorkerOnly = true
	w := Workers{worker.New(c, TaskQueue, workflows)}
	w[0].RegisterWorkflow(Stream)
	return append(w, newOwner(c, processQueue(process), streams, project))
}

// NewStandingWorkers returns the worker of a process with the role intake, which owns streams that no process has asked for.
func NewStandingWorkers(c client.Client, streams Streams, project string) Workers {
	return Workers{newOwner(c, TaskQueue, streams, project)}
}

func newOwner(c client.Client, queue string, streams Streams, project string) worker.Worker {
	o := workerOptions()
	o.DisableWorkflowWorker = true
	w := worker.New(c, queue, o)
	a := &activities{streams: streams, project: project}
	w.RegisterActivityWithOptions(a.own, activity.RegisterOptions{Name: ownActivity})
	return w
}

func workerOptions() worker.Options {
	o := temporal.WorkerOptions()
	o.MaxConcurrentActivityTaskPollers = 1 // a server may hand a stream to each poll of a process that is suspended
	o.MaxConcurrentActivityExecutionSize = maxStreams
	o.WorkerStopTimeout = stopTimeout
	return o
}

// Start starts all workers, or none.
func (w Workers) Start() error {
	for i, one := range w {
		if err := one.Start(); err != nil {
			w[:i].Stop()
			return err
		}
	}
	return nil
}

// Stop stops the workers, the one of workflows first, and waits for the streams that they own. As a stream ends, the server has work for its
// workflow: a worker that stops at that moment would take it with it, and the next owner would wait for seconds.
func (w Workers) Stop() {
	for _, one := range w {
		one.Stop()
	}
}

type activities struct {
	streams Streams
	project string // id
}

// own owns a stream until the activity is cancelled, or the worker stops. Without the server it goes on.
func (a *activities) own(ctx context.Context, in OwnInput) error {
	if in.Project != a.project {
		return temporal.ActivityError(temporal.ErrOtherProject)
	}
	wanted, stopHeartbeats := temporal.KeepAlive(ctx, heartbeatInterval)
	defer stopHeartbeats()
	owning, end := context.WithCancel(wanted)
	defer end()
	stopped := activity.GetWorkerStopChannel(ctx)
	go func() {
		select {
		case <-stopped:
			end()
		case <-owning.Done():
		}
	}()
	err := temporal.RecoverPanic(ctx, func() error { return a.streams.Own(owning, in.Stream) })
	if errors.Is(err, context.Canceled) {
		err = nil // it has ended as it should
	}
	return temporal.ActivityError(err)
}
