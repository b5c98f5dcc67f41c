// Sealing the open batch of live intake.

package live

import (
	"context"
	"errors"

	"bursar/internal/event/ids"
	"bursar/internal/event/live/spool"
)

// sealAll recovers a broken stream and seals the open batch.
func (l *Intake) sealAll(ctx context.Context) error {
	if l.broken != nil {
		if err := l.recoverBroken(ctx); err != nil {
			return err
		}
	}
	if err := l.seal(ctx); err != nil {
		return err
	}
	return l.awaitDiscard()
}

// sealLogged seals when nobody waits for the result. If it fails, the next request gets the error.
func (l *Intake) sealLogged() {
	if err := l.seal(l.ctx); err != nil {
		l.store.Log.Error("seal batch; retrying from the spool", "stream", l.stream.Name, "error", err)
	}
}

// seal seals the open batch. After an error the spool contains all of it.
func (l *Intake) seal(ctx context.Context) error {
	o := l.open
	if o == nil {
		return nil
	}
	result, err := o.seal(ctx, l.store.Now())
	if err != nil {
		l.failBatch(err)
		return err
	}
	l.open = nil
	l.keys.drop(o.keyed...)
	l.compactInBackground()
	if result.Batch != 0 && l.options.OnSealed != nil {
		l.options.OnSealed(result)
	}
	err = l.awaitDiscard()
	l.discard(o)
	return err
}

// discard removes the spool of a sealed batch in the background: freeing a large file takes as long as sealing it. The catalog records that the spool
// is sealed, so a leftover is only removed (see recover).
func (l *Intake) discard(o *openBatch) {
	done := make(chan error, 1)
	l.discarding = done
	go func() { done <- errors.Join(o.spool.Close(), spool.Remove(l.options.Spool, o.batch.Spool())) }()
}

// awaitDiscard waits until the last sealed batch's spool is removed. After an error the stream is recovered, which retries.
func (l *Intake) awaitDiscard() error {
	if l.discarding == nil {
		return nil
	}
	err := <-l.discarding
	l.discarding = nil
	if err != nil {
		l.markBroken(err)
	}
	return err
}

// compactInBackground starts a compaction that runs alongside the next batches, since merging large tables takes long.
func (l *Intake) compactInBackground() {
	if l.compacting != nil {
		select {
		case <-l.compacting:
		default:
			return // the next seal tries again
		}
	}
	done := make(chan struct{})
	l.compacting = done
	go func() {
		defer close(done)
		if err := ids.Compact(l.ctx, l.store, l.stream, &l.tables); err != nil && l.ctx.Err() == nil {
			l.store.Log.Error("compact dedupe index; retrying after the next batch", "stream", l.stream.Name, "error", err)
		}
	}()
}

// awaitCompaction waits for a running compaction. Whatever seals batches outside the loop compacts too.
func (l *Intake) awaitCompaction() {
	if l.compacting != nil {
		<-l.compacting
	}
}
