// Gives the tasks behind a long one to other workers.

package chunk

import (
	"context"
	"crypto/rand"

	"bursar/internal/catalog"
)

// release moves the tasks behind the current one, whose first attempt has not begun, to a new chunk: a long task delays no others. It returns
// the numbers of the chunks that it adds.
func (x *execution) release(ctx context.Context) (added []int, err error) {
	c := x.chunk
	var behind []int
	for i := x.current + 1; i < len(c.outcomes.States); i++ {
		if free := c.outcomes.state(i) == Waiting || x.claimed[i] && !x.begun[i]; free && c.outcomes.Details[i] == nil {
			behind = append(behind, i)
		}
	}
	if len(behind) == 0 {
		return nil, nil
	}
	states := c.outcomes.States
	for _, i := range behind {
		c.outcomes.setState(i, moved)
	}
	err = x.writeAlso(ctx, func(tx catalog.Tx) error {
		d, err := getDivision(tx, c.ref)
		if err != nil {
			return err
		}
		added = []int{d.Chunks}
		if err := tx.Put(partitionsKey(c.ref, d.Chunks), c.tasks.selected(behind)); err != nil {
			return err
		}
		d.Chunks++
		return tx.Put(divisionKey(c.ref), d)
	})
	if err != nil {
		c.outcomes.States = states
		c.writer = rand.Text() // if it was written nevertheless, the next write does not repeat it, and is refused
		return nil, err
	}
	for _, i := range behind {
		delete(x.claimed, i)
	}
	x.returnPermits(ctx)
	return added, nil
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
