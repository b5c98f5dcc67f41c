// Queries that start again: another process may have replaced the generation that a query reads, and removed it (DESIGN §8).

package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"bursar/internal/failure"
)

// maxReads is how often a query starts.
const maxReads = 4

// opener opens a snapshot of a pipeline.
type opener func(ctx context.Context, pipeline string) (*Snapshot, error)

// read calls fn with a snapshot, and again with a new one if it fails because the generation was replaced meanwhile. Once fn has set
// emitted, the caller has received a part of the result: then the error says what to do. A process with exclusive use of the project
// removes no generation that it reads.
func (e *Reader) read(ctx context.Context, pipeline string, open opener, fn func(q *Snapshot, emitted *bool) error) error {
	for reads := 1; ; reads++ {
		q, err := open(ctx, pipeline)
		if err != nil {
			return err
		}
		emitted := false
		err = fn(q, &emitted)
		q.Release()
		if err == nil || !e.Shared || reads == maxReads || ctx.Err() != nil {
			return err
		}
		replaced := e.CheckReplaced(ctx, q, err)
		switch {
		case emitted:
			return cmp.Or(replaced, err)
		case replaced == nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
}

// CheckReplaced returns an error with what to do if the generation of a snapshot, reading which failed with cause, was replaced
// meanwhile: the cause may be that, and not damage.
func (e *Reader) CheckReplaced(ctx context.Context, q *Snapshot, cause error) error {
	if !e.Shared || !e.isReplaced(ctx, q) {
		return nil
	}
	err := fmt.Errorf("generation %d of %s was replaced by a rebuild while it was read (%w); repeat the command", q.Generation.Generation, q.Generation.Pipeline, cause)
	return failure.Wrap(failure.Transient, err)
}

// isReplaced reports whether readers see another generation by now than the snapshot's, which is not used again then: the message of the
// change may still be on its way.
func (e *Reader) isReplaced(ctx context.Context, q *Snapshot) bool {
	now, err := e.Current(ctx, q.Generation.Pipeline)
	replaced := err == nil && now.Generation != q.Generation.Generation
	if replaced {
		e.snapshots.forget(q.Generation.Pipeline)
	}
	return replaced
}
