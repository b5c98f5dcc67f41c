// Gives the tasks behind a long one to other workers.

package chunk

import (
	"context"

	"bursar/internal/catalog"
)

// release moves the tasks behind the current one, whose first attempt has not begun, to a new chunk: a long task delays no others.
func (x *execution) release(ctx context.Context) error {
	c := x.chunk
	var behind []int
	for i := x.current + 1; i < len(c.outcomes.States); i++ {
		if free := c.outcomes.state(i) == Waiting || x.claimed[i] && !x.begun[i]; free && c.outcomes.Details[i] == nil {
			behind = append(behind, i)
		}
	}
	if len(behind) == 0 {
		return nil
	}
	states := c.outcomes.States
	for _, i := range behind {
		c.outcomes.setState(i, moved)
	}
	number := -1
	err := x.writeAlso(ctx, func(tx catalog.Tx) error {
		d, err := getDivision(tx, c.ref)
		if err != nil {
			return err
		}
		number = d.Chunks
		d.Chunks++
		if err := tx.Put(partitionsKey(c.ref, number), c.tasks.selected(behind)); err != nil {
			return err
		}
		return tx.Put(divisionKey(c.ref), d)
	})
	if err != nil {
		c.outcomes.States = states // nothing was written
		return err
	}
	for _, i := range behind {
		delete(x.claimed, i)
	}
	if x.Released != nil {
		x.Released(ctx, number)
	}
	return nil
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
