// Checks the tasks of slots: their documents against the records of the slots, and their output against what was written.

package chunk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/object"
)

// Verification checks the tasks of slots, a chunk at a time. Other processes may go on meanwhile.
type Verification struct {
	*Work
	Kept    time.Time                                                   // slots that ended before are removed, maybe at the moment
	Lost    func(ref record.Ref, d object.Description, err error) error // is called for each object that is damaged or missing
	Faults  record.Faults                                               // of the documents
	Objects int                                                         // that were checked
}

// Slot checks the tasks of a slot that has begun. Of one that has not ended only what is there already is checked.
func (v *Verification) Slot(ctx context.Context, s *record.Slot) error {
	d, chunks, err := v.readDivision(ctx, s.Ref)
	if err != nil {
		return err
	}
	if d == nil || !d.Complete {
		if v.lacksDivision(s, d, chunks) {
			v.Faults.Add("slot %s is %s, but how its work was divided is missing", s.Ref, s.State)
		}
		return nil
	}
	c := &slotCheck{Verification: v, slot: s, isWhole: true}
	for number := range d.Chunks {
		if err := c.chunk(ctx, number); err != nil {
			return err
		}
	}
	return c.total(ctx, d)
}

// slotCheck is the check of one slot.
type slotCheck struct {
	*Verification
	slot    *record.Slot
	sum     record.Summary
	isWhole bool // each chunk was read
}

// readDivision returns the division of a slot, nil if there is none, and otherwise how many chunks there are nevertheless.
func (w *Work) readDivision(ctx context.Context, ref record.Ref) (d *division, chunks int, err error) {
	err = w.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		chunks = 0
		if d, err = getDivision(tx, ref); err != nil || d != nil {
			return err
		}
		return tx.List(partitionsPrefix(ref), func(string, json.RawMessage) error {
			chunks++
			return nil
		})
	})
	return d, chunks, err
}

// lacksDivision reports whether a slot that is not divided should be: it has chunks, or has ended with tasks, or as one whose tasks are done. One
// that is removed needs none.
func (v *Verification) lacksDivision(s *record.Slot, d *division, chunks int) bool {
	switch {
	case s.State.IsOpen():
		return d == nil && chunks > 0 // the division is written together with the first of them
	case s.Ended != nil && s.Ended.Before(v.Kept):
		return false
	}
	return s.Summary.Tasks > 0 || s.State == slot.Done || s.State == slot.Late
}

// add adds a fault, unless the slot was removed meanwhile.
func (c *slotCheck) add(ctx context.Context, format string, args ...any) error {
	c.isWhole = false
	if removed, err := c.isRemoved(ctx); err != nil || removed {
		return err
	}
	c.Faults.Add("slot %s: %s", c.slot.Ref, fmt.Sprintf(format, args...))
	return nil
}

// isRemoved reports whether the tasks of a slot which had some are removed.
func (c *slotCheck) isRemoved(ctx context.Context) (bool, error) {
	return catalog.Read(ctx, c.Catalog, func(tx catalog.Tx) (bool, error) {
		d, err := getDivision(tx, c.slot.Ref)
		return d == nil, err
	})
}

// chunkDocuments are those of a chunk; nil if they are missing.
type chunkDocuments struct {
	tasks    *partitions
	outcomes *outcomes
}

func (w *Work) chunkDocuments(ctx context.Context, ref record.Ref, number int) (chunkDocuments, error) {
	return catalog.Read(ctx, w.Catalog, func(tx catalog.Tx) (c chunkDocuments, err error) {
		var tasks partitions
		var o outcomes
		found, err := tx.Get(partitionsKey(ref, number), &tasks)
		if err == nil && found {
			c.tasks = &tasks
		}
		if err == nil {
			found, err = tx.Get(outcomesKey(ref, number), &o)
		}
		if err == nil && found {
			c.outcomes = &o
		}
		return c, err
	})
}

// chunk checks a chunk.
func (c *slotCheck) chunk(ctx context.Context, number int) error {
	d, err := c.chunkDocuments(ctx, c.slot.Ref, number)
	if err != nil {
		return err
	}
	switch {
	case d.tasks == nil:
		return c.add(ctx, "the partitions of chunk %d are missing", number)
	case d.outcomes == nil && c.slot.State.IsOpen():
		return nil // nobody has begun it
	case d.outcomes == nil:
		return c.add(ctx, "the outcomes of chunk %d are missing", number)
	case len(d.outcomes.States) != len(d.tasks.Keys):
		return c.add(ctx, "chunk %d has %d partitions, but outcomes of %d", number, len(d.tasks.Keys), len(d.outcomes.States))
	}
	if open, _ := d.outcomes.remaining(); open > 0 && !c.slot.State.IsOpen() {
		if err := c.add(ctx, "it has ended, but %d tasks of chunk %d have not", open, number); err != nil {
			return err
		}
	}
	for i, key := range d.tasks.Keys {
		if d.outcomes.state(i) != moved {
			count(&c.sum, key, d.outcomes.state(i), d.outcomes.attempts(i), d.outcomes.Details[i])
		}
	}
	return c.output(ctx, d.outcomes.Outputs)
}

// output checks the objects that a chunk names.
func (c *slotCheck) output(ctx context.Context, list []object.Description) error {
	for _, d := range list {
		c.Objects++
		err := d.Check(ctx, c.Work.Objects)
		if err == nil {
			continue
		}
		if !object.IsDamage(err) {
			return err
		}
		if removed, failed := c.isRemoved(ctx); failed != nil || removed {
			return failed
		}
		if err := c.Lost(c.slot.Ref, d, err); err != nil {
			return err
		}
	}
	return nil
}

// total compares the tasks of a slot that has ended with its summary, which has an error of its own if the slot was cancelled.
func (c *slotCheck) total(ctx context.Context, d *division) error {
	if c.slot.State.IsOpen() || !c.isWhole {
		return nil
	}
	want, got := c.slot.Summary, c.sum
	want.Error, want.Class, got.Error, got.Class = "", "", "", ""
	if got == want && got.Tasks == d.Tasks {
		return nil
	}
	return c.add(ctx, "it has recorded %+v of %d tasks; its tasks are %+v", want, d.Tasks, got)
}
