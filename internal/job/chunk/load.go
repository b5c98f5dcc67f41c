// A chunk in the memory of the worker that executes it, and how it is written.

package chunk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/record"
)

// loaded is a chunk that a worker has read. It may be written as long as nobody else has written it since.
type loaded struct {
	work     *Work
	ref      record.Ref
	number   int
	columns  []string
	tasks    partitions
	outcomes outcomes
	writer   string // of this execution
}

// errCancelled is the reason to begin no more tasks of a slot.
var errCancelled = errors.New("the slot is cancelled")

func (w *Work) load(ctx context.Context, ref record.Ref, number int) (*loaded, error) {
	c := &loaded{work: w, ref: ref, number: number, writer: rand.Text()}
	err := w.Catalog.View(ctx, func(tx catalog.Tx) error {
		d, err := getDivision(tx, ref)
		if err != nil {
			return err
		}
		if d == nil || !d.Complete || number >= d.Chunks {
			return failure.Wrap(failure.Data, fmt.Errorf("execute tasks of %s: chunk %d does not exist", ref, number))
		}
		if d.Cut != nil {
			return errCancelled
		}
		c.columns = d.Columns
		c.tasks, c.outcomes, err = getChunk(tx, ref, number)
		return err
	})
	return c, err
}

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

// write writes the outcomes, and what else belongs to them. It fails with ErrSuperseded if another execution has written them since.
func (c *loaded) write(ctx context.Context, also func(catalog.Tx) error) error {
	next := c.outcomes
	next.Version, next.Writer, next.Worker, next.Ended = c.outcomes.Version+1, c.writer, c.work.Worker, c.work.Now().UTC()
	err := c.work.Writes.update(ctx, c.work.Catalog, func(tx catalog.Tx) error {
		now, err := getVersion(tx, c.ref, c.number)
		switch {
		case err != nil:
			return err
		case now.Version == next.Version && now.Writer == next.Writer:
			return nil // an earlier try whose answer was lost
		case now.Version != c.outcomes.Version:
			return ErrSuperseded
		}
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		return tx.Put(outcomesKey(c.ref, c.number), next)
	})
	if errors.Is(err, catalog.ErrOutcomeUnknown) {
		return c.write(ctx, also)
	}
	if err == nil {
		c.outcomes = next
	}
	return err
}
