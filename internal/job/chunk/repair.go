// Repairs the tasks of slots, as far as they say what is missing.

package chunk

import (
	"context"
	"crypto/rand"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/job/record"
	"bursar/internal/object"
)

// IsDivided reports whether the work of a slot was divided to the end, so that its tasks say how it went.
func (w *Work) IsDivided(ctx context.Context, ref record.Ref) (bool, error) {
	d, _, err := w.readDivision(ctx, ref)
	return d != nil && d.Complete, err
}

// RestoreDivision writes the division of a slot that has ended, by its chunks, if it is missing, and reports whether it was. The columns of the
// partitions are lost: only executed tasks need them.
func (v *Verification) RestoreDivision(ctx context.Context, s *record.Slot) (bool, error) {
	d, chunks, err := v.readDivision(ctx, s.Ref)
	if err != nil || d != nil || s.State.IsOpen() || !v.lacksDivision(s, d, chunks) {
		return false, err
	}
	d = &division{Attempt: rand.Text(), Complete: true, Tasks: s.Summary.Tasks, Chunks: chunks}
	return true, v.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(divisionKey(s.Ref), d) })
}

// ForgetOutput has the tasks of a slot name an object no more, which is lost.
func (w *Work) ForgetOutput(ctx context.Context, ref record.Ref, lost object.Description) error {
	_, number, _ := outputChunk(lost.Name)
	err := w.Catalog.Update(ctx, func(tx catalog.Tx) error {
		_, o, err := getChunk(tx, ref, number)
		if err != nil {
			return err
		}
		o.Outputs = slices.DeleteFunc(o.Outputs, func(d object.Description) bool { return d.Name == lost.Name })
		return tx.Put(outcomesKey(ref, number), o)
	})
	if err != nil {
		return err
	}
	return w.Objects.Delete(ctx, lost.Name)
}
