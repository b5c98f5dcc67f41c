// A chunk in the memory of the worker that executes it, and how it is written.

package chunk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/record"
)

// loaded is a chunk that a worker has read. It may be written as long as nobody else has written it since.
type loaded struct {
	work      *Work
	ref       record.Ref
	number    int
	columns   []string
	tasks     partitions
	outcomes  outcomes
	writer    string    // of this execution
	tried     int       // the version of the last try to write
	confirmed time.Time // when this worker knew last that nobody else has the chunk
	live      bool      // there was live output of an earlier execution
}

// errCancelled is the reason to begin no more tasks of a slot.
var errCancelled = errors.New("the slot is cancelled")

func (w *Work) load(ctx context.Context, ref record.Ref, number int) (*loaded, error) {
	c := &loaded{work: w, ref: ref, number: number, writer: rand.Text(), confirmed: w.wallClock()}
	err := w.Catalog.View(ctx, func(tx catalog.Tx) error {
		d, err := getDivision(tx, ref)
		if err != nil {
			return err
		}
		if d == nil || !d.Complete || number >= d.Chunks {
			return failure.Wrap(failure.Data, fmt.Errorf("execute tasks of %s: chunk %d does not exist", ref, number))
		}
		if d.Cancelled != nil {
			return errCancelled
		}
		c.columns = d.Columns
		if c.tasks, c.outcomes, err = getChunk(tx, ref, number); err != nil {
			return err
		}
		c.tried = c.outcomes.Version
		c.live, err = tx.Get(liveKey(ref, number), &LiveOutput{})
		return err
	})
	return c, err
}

// wallClock returns the time without the monotonic clock, which stops while a machine is suspended.
func (w *Work) wallClock() time.Time { return w.Now().Round(0) }

// getChunk reads a chunk; one that nobody has begun has new outcomes.
func getChunk(tx catalog.Tx, ref record.Ref, number int) (tasks partitions, o outcomes, err error) {
	found, err := tx.Get(partitionsKey(ref, number), &tasks)
	if err == nil && !found {
		err = fmt.Errorf("read tasks of %s: the partitions of chunk %d are missing", ref, number)
	}
	if err != nil {
		return tasks, o, err
	}
	o, err = getOutcomes(tx, ref, number, len(tasks.Keys))
	return tasks, o, err
}

func getOutcomes(tx catalog.Tx, ref record.Ref, number, tasks int) (o outcomes, err error) {
	found, err := tx.Get(outcomesKey(ref, number), &o)
	if err == nil && !found {
		return newOutcomes(tasks), nil
	}
	if err == nil && len(o.States) != tasks {
		err = fmt.Errorf("read tasks of %s: chunk %d has %d partitions, but outcomes of %d", ref, number, tasks, len(o.States))
	}
	return o, err
}

// version says who has written outcomes, and which of the writes it was. The zero value is that of a chunk which nobody has begun.
type version struct {
	Version int    `json:"version"`
	Writer  string `json:"writer"`
}

func getVersion(tx catalog.Tx, ref record.Ref, number int) (v version, err error) {
	_, err = tx.Get(outcomesKey(ref, number), &v)
	return v, err
}

// values returns the values of a task by column; null is an absent one.
func (c *loaded) values(i int) map[string]string {
	if c.tasks.Values == nil {
		return nil
	}
	values := make(map[string]string, len(c.columns))
	for k, v := range c.tasks.Values[i] {
		if v != nil {
			values[c.columns[k]] = *v
		}
	}
	return values
}

// write writes the outcomes, and what else belongs to them. It fails with ErrSuperseded if another execution has written them since. Each try
// has a version of its own: what an earlier one has written may be unknown, and is not what this one writes.
func (c *loaded) write(ctx context.Context, also func(catalog.Tx) error) error {
	c.tried++
	next, now := c.outcomes, c.work.wallClock()
	next.Version, next.Writer, next.Worker = c.tried, c.writer, c.work.Worker
	err := c.put(ctx, &next, also)
	if err == nil {
		c.outcomes, c.confirmed = next, now
	}
	return err
}

// put writes outcomes until it is known whether they are written.
func (c *loaded) put(ctx context.Context, next *outcomes, also func(catalog.Tx) error) error {
	for {
		err := c.work.Writes.update(ctx, c.work.Catalog, func(tx catalog.Tx) error {
			now, err := getVersion(tx, c.ref, c.number)
			switch {
			case err != nil:
				return err
			case now == version{next.Version, next.Writer}:
				return nil // by this call; the answer was lost
			case !c.isCurrent(now):
				return ErrSuperseded
			}
			if also != nil {
				if err := also(tx); err != nil {
					return err
				}
			}
			return tx.Put(outcomesKey(c.ref, c.number), next)
		})
		if !errors.Is(err, catalog.ErrOutcomeUnknown) {
			return err
		}
	}
}

// isCurrent reports whether nobody else has written the outcomes. What this execution has written is repeated by whatever it writes next, also
// if it does not know that it was written.
func (c *loaded) isCurrent(now version) bool {
	return now.Version == c.outcomes.Version || now.Writer == c.writer
}

// confirm fails with ErrSuperseded if another execution has written the outcomes since this worker knew last that none has: it may have been
// suspended meanwhile.
func (c *loaded) confirm(ctx context.Context) error {
	now := c.work.wallClock()
	if now.Sub(c.confirmed).Abs() < confirmInterval {
		return nil
	}
	v, err := catalog.Read(ctx, c.work.Catalog, func(tx catalog.Tx) (version, error) { return getVersion(tx, c.ref, c.number) })
	switch {
	case err != nil:
		return err
	case !c.isCurrent(v):
		return ErrSuperseded
	}
	c.confirmed = now
	return nil
}
