// The shares of a step: what it did for each partition, stored until all partitions have done it.

package runs

import (
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/object"
)

// Share is the result of a step for one partition.
type Share struct {
	Rows       int64                `json:"rows"`
	Objects    []object.Description `json:"objects,omitempty"` // a delta, a state, or parts
	Events     int64                `json:"events,omitempty"`  // reduce: events folded; merge: how many events the artifacts gained
	Totals     event.Totals         `json:"totals,omitempty"`  // merge: by how much the artifacts changed; reduce: sums of the events
	FoldCounts *FoldCounts          `json:"given,omitempty"`   // reduce
	Unkeyed    Unkeyed              `json:"unkeyed,omitempty"` // reduce
	Created    int64                `json:"created,omitempty"` // merge: new artifacts
	AsOf       uint64               `json:"as_of,omitempty"`   // prefetch and merge: the run that the state is as of
	Resets     int                  `json:"resets,omitempty"`  // Resets of the run when the partition started
	Seconds    float64              `json:"seconds,omitempty"` // duration, if an activity did it
}

// sharePrefix is the prefix of shares, which are stored until all partitions have done the step.
func sharePrefix(ref Ref) string {
	return fmt.Sprintf("share/%s/g%04d/%08d/", ref.Pipeline, ref.Generation, ref.Run)
}

func shareKey(ref Ref, step StepName, partition int) string {
	return fmt.Sprintf("%s%s/%04d", sharePrefix(ref), step, partition)
}

// accepts reports whether a stored share belongs to this attempt at the run and to the state that its prefetch reads.
func (r *Run) accepts(step StepName, share *Share) bool {
	sameState := step == StepReduce || r.AsOf != nil && share.AsOf == *r.AsOf
	return share.Resets == r.Resets && sameState
}

// GetShare reads the stored share of a partition, if it belongs to this attempt at the run.
func GetShare(tx catalog.Tx, run *Run, step StepName, partition int) (share Share, found bool, err error) {
	found, err = tx.Get(shareKey(run.Ref(), step, partition), &share)
	if found && !run.accepts(step, &share) {
		return Share{}, false, err
	}
	return share, found, err
}

// PutShare stores the share of a partition.
func PutShare(tx catalog.Tx, ref Ref, step StepName, partition int, share Share) error {
	return tx.Put(shareKey(ref, step, partition), share)
}

// DeleteShares deletes the stored shares of a run.
func DeleteShares(tx catalog.Tx, ref Ref) error { return deletePrefix(tx, sharePrefix(ref)) }
