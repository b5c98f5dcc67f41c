// Lets a slot wait for those of the job that its job comes after.

package record

import (
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// after reports whether the slot of the job that this one comes after has ended well. If it has failed, this one is blocked.
func (d *decision) after(j *project.Job, st *State, s *Slot) (ready bool, err error) {
	if j.After == "" || s.Kind == slot.Manual {
		return true, nil
	}
	if cursor, known := d.cursors[j.After]; known && cursor.Before(s.Due) {
		return false, nil // what is due before it is not recorded yet
	}
	before, err := lastExecuted(d.tx, j.After, s.Due)
	switch {
	case err != nil:
		return false, err
	case before == nil:
		return true, nil
	case before.State.IsOpen():
		return false, d.watch(j, s)
	case before.State == slot.Failed || before.State == slot.Blocked:
		return false, d.end(st, s, slot.Blocked, fmt.Sprintf("%s is %s", before.Ref, before.State))
	}
	return true, nil
}

// lastExecuted returns the newest slot of a job that is due at or before a time and was not skipped; nil if there is none.
func lastExecuted(tx catalog.Tx, job string, until time.Time) (*Slot, error) {
	prefix := slotPrefix + job + "/"
	for s, err := range catalog.Documents[Slot](tx, prefix, prefix+newestFrom(until)) {
		if err != nil || s.State != slot.Skipped {
			return &s, err
		}
	}
	return nil, nil
}
