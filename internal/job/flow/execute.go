// The activity that executes chunks.

package flow

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
)

const (
	// quickChunks is how long an activity goes on with its next chunk; what remains then is handed out again.
	quickChunks = time.Second
	// longChunk is how long a chunk may take before those behind it are given to other workers.
	longChunk = 2 * time.Second
)

// execute executes chunks as long as they are quick, and returns what remains of them.
func (a *activities) execute(ctx context.Context, in ExecuteInput) (out ExecuteResult, err error) {
	err = a.withSlot(ctx, in.Project, fmt.Sprint(executeActivity, in.Chunks), in.Slot, func(ctx context.Context, ref record.Ref) error {
		h := &handed{activities: a, ref: ref, chunks: in.Chunks, stop: activity.GetWorkerStopChannel(ctx), afterLoss: activity.GetInfo(ctx).Attempt > 1}
		err := h.execute(ctx)
		out.Rest = h.rest
		return err
	})
	return out, err
}

// handed are the chunks that an activity was given.
type handed struct {
	*activities
	ref  record.Ref
	stop <-chan struct{}
	rest []chunk.Unended

	afterLoss bool // an earlier attempt of the activity was lost, or has failed

	mu     sync.Mutex
	chunks []int // that have not begun
}

func (h *handed) execute(ctx context.Context) error {
	quick, cancel := context.WithTimeout(ctx, quickChunks)
	defer cancel()
	for first := true; ; first = false {
		number, found := h.next()
		switch {
		case !found:
			return ctx.Err()
		case !first && (quick.Err() != nil || isClosed(h.stop)):
			h.rest = append(h.rest, chunk.Unended{Chunk: number})
			continue
		}
		if err := h.executeChunk(ctx, number); err != nil {
			return fmt.Errorf("execute tasks of %s: %w", h.ref, err)
		}
	}
}

func (h *handed) next() (number int, found bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.chunks) == 0 {
		return 0, false
	}
	number, h.chunks = h.chunks[0], h.chunks[1:]
	return number, true
}

func (h *handed) executeChunk(ctx context.Context, number int) error {
	long, cancel := context.WithTimeout(ctx, longChunk)
	defer cancel()
	defer context.AfterFunc(long, func() { h.release(ctx) })() // which is called off if the chunk ends before
	done, err := h.steps.Execute(ctx, h.ref, number, Handling{Stop: h.stop, Released: h.report, AfterLoss: h.afterLoss})
	if err == nil && done.Remaining > 0 {
		h.rest = append(h.rest, chunk.Unended{Chunk: number, Again: done.Again})
	}
	return err
}

// release gives the chunks that have not begun to other workers. Their tasks get new chunks: a worker that is given the old ones, because this
// one is lost, finds nothing to execute in them.
func (h *handed) release(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.chunks) > 0 {
		added, err := h.steps.Release(ctx, h.ref, h.chunks[0])
		if err != nil {
			return // they remain to be executed here, or are handed out again
		}
		h.chunks = h.chunks[1:]
		for _, number := range added {
			h.report(ctx, number)
		}
	}
}

// report notifies the slot of a new chunk. If that fails, the chunk is found at the end.
func (h *handed) report(ctx context.Context, number int) { _ = h.starter.released(ctx, h.ref, number) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
