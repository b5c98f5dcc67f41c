package event

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"bursar/internal/catalog"
	"bursar/internal/event/memory"
)

// compact merges runs of a stream's duplicate memory while there is a crowd of a size. The catalog swaps them before the
// old objects go, so that a crash in between only leaves objects that nothing names. Batches may be sealed meanwhile; swap
// is held while a run that the catalog named before goes, so that nobody looks for it then. One compaction of
// a stream runs at a time.
func (in *Intake) compact(ctx context.Context, stream string, swap sync.Locker) error {
	for {
		state, err := in.state(ctx, stream)
		if err != nil {
			return err
		}
		crowd := memory.Plan(state.Memory)
		if len(crowd) == 0 {
			return nil
		}
		name := fmt.Sprintf("streams/%s/memory/%08d", stream, state.Merges+1)
		merged, err := memory.Compact(ctx, in.Objects, in.Scratch, crowd, name)
		if err != nil {
			return fmt.Errorf("compact duplicate memory of %s: %w", stream, err)
		}
		if err := in.swap(ctx, stream, crowd, merged, swap); err != nil {
			return err
		}
	}
}

// swap puts one run in the place of several.
func (in *Intake) swap(ctx context.Context, stream string, crowd []memory.RunInfo, merged memory.RunInfo, lock sync.Locker) error {
	lock.Lock()
	defer lock.Unlock()
	err := in.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var state streamState
		if _, err := tx.Get(streamKey(stream), &state); err != nil {
			return err
		}
		state.Merges++
		state.Memory = slices.DeleteFunc(state.Memory, func(run memory.RunInfo) bool { return slices.Contains(crowd, run) })
		state.Memory = append(state.Memory, merged)
		return tx.Put(streamKey(stream), state)
	})
	if err != nil {
		return fmt.Errorf("record compaction of %s: %w", stream, err)
	}
	for _, run := range crowd {
		if err := in.Objects.Delete(ctx, run.Name); err != nil {
			return err
		}
	}
	return nil
}

// tidy compacts beside the next batches, which need not wait for it: large runs take long to merge.
func (l *Live) tidy() {
	if l.tidying != nil {
		select {
		case <-l.tidying:
		default:
			return // the next seal looks again
		}
	}
	done := make(chan struct{})
	l.tidying = done
	go func() {
		defer close(done)
		if err := l.in.compact(l.ctx, l.stream.Name, &l.swap); err != nil && l.ctx.Err() == nil {
			l.in.Log.Error("compact duplicate memory: it is tried again after the next batch", "stream", l.stream.Name, "error", err)
		}
	}()
}

// awaitTidy waits for a compaction under way: what seals batches of its own compacts too.
func (l *Live) awaitTidy() {
	if l.tidying != nil {
		<-l.tidying
	}
}
