// Gives the tasks that wait for a long one to other workers.

package chunk

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/record"
)

// Release moves the tasks of a chunk that have not begun to new chunks, and returns their numbers. A worker that has the chunk nevertheless is
// superseded.
func (w *Work) Release(ctx context.Context, ref record.Ref, number int) (added []int, err error) {
	c, err := w.load(ctx, ref, number)
	if errors.Is(err, errCancelled) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return newExecution(Execution{Ref: ref, Chunk: number}, c).release(ctx)
}

// release moves the tasks that wait while the current one is executed to new chunks: a long task delays no others. It returns the numbers of
// the chunks. There are two, of which each is halved again by its next long task: so a partition is stored in few of them.
func (x *execution) release(ctx context.Context) (added []int, err error) {
	c := x.chunk
	free := x.free()
	if len(free) == 0 {
		return nil, nil
	}
	states := c.outcomes.States
	for _, i := range free {
		c.outcomes.setState(i, moved)
	}
	err = x.writeAlso(ctx, func(tx catalog.Tx) error {
		d, err := getDivision(tx, c.ref)
		if err != nil {
			return err
		}
		added = nil
		for half := range slices.Chunk(free, (len(free)+1)/2) {
			if err := c.copyTo(tx, d.Chunks, half); err != nil {
				return err
			}
			added = append(added, d.Chunks)
			d.Chunks++
		}
		return tx.Put(divisionKey(c.ref), d)
	})
	if err != nil {
		c.outcomes.States = states
		c.writer = rand.Text() // if it was written nevertheless, the next write does not repeat it, and is refused
		return nil, err
	}
	for _, i := range free {
		delete(x.claimed, i)
	}
	x.returnPermits(ctx)
	return added, nil
}

// free lists the tasks that may begin elsewhere: those that wait, anywhere in the chunk, and those that are claimed by this execution and have
// not begun.
func (x *execution) free() (list []int) {
	for i := range x.chunk.outcomes.States {
		if i != x.current && (x.chunk.outcomes.state(i) == Waiting || x.chunk.outcomes.state(i) == Claimed && x.claimed[i] && !x.begun[i]) {
			list = append(list, i)
		}
	}
	return list
}

// copyTo writes a new chunk that has some of the tasks, with what is known of their earlier attempts.
func (c *loaded) copyTo(tx catalog.Tx, number int, indices []int) error {
	o := c.outcomes.selected(indices)
	if o.Details != nil {
		o.Version, o.Writer, o.Worker = 1, c.writer, c.work.Worker
		if err := tx.Put(outcomesKey(c.ref, number), o); err != nil {
			return err
		}
	}
	return tx.Put(partitionsKey(c.ref, number), c.tasks.selected(indices))
}

// selected returns the outcomes so far of some of the tasks, which wait.
func (o *outcomes) selected(indices []int) outcomes {
	s := newOutcomes(len(indices))
	for k, i := range indices {
		if d := o.Details[i]; d != nil {
			*s.detail(k) = *d
		}
		if o.Took != nil {
			s.setTook(k, time.Duration(o.Took[i])*time.Millisecond)
		}
	}
	return s
}

// selected returns some of the partitions.
func (p *partitions) selected(indices []int) *partitions {
	s := &partitions{}
	for _, i := range indices {
		s.Keys = append(s.Keys, p.Keys[i])
		if p.Values != nil {
			s.Values = append(s.Values, p.Values[i])
		}
	}
	return s
}
