// Lets a slot wait for those of the job that its job comes after.

package record

import (
	"cmp"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// after reports whether the slot of the job that this one comes after has ended well. If that lacks what this one needs, this one is blocked.
func (d *decision) after(j *project.Job, st *State, s *Slot) (ready bool, err error) {
	if j.After == "" || s.Kind == slot.Manual {
		return true, nil
	}
	if cursor, known := d.cursors[j.After]; known && cursor.Before(s.Due) {
		return false, nil // what is due before it is not recorded yet
	}
	before, err := slotBefore(d.tx, j.After, s.Due)
	switch {
	case err != nil:
		return false, err
	case before == nil:
		return true, nil
	case before.State.IsOpen():
		return false, d.watch(j, s)
	case before.blocks():
		return false, d.end(st, s, slot.Blocked, before.outcome(zoneOf(j)))
	}
	return true, nil
}

// blocks reports whether slots that come after one that has ended are not executed: it has not done its work.
func (s *Slot) blocks() bool {
	return s.State == slot.Failed || s.State == slot.Blocked || s.State == slot.Skipped
}

// outcome says how a slot has ended.
func (s *Slot) outcome(zone *time.Location) string {
	text := s.In(zone) + " is " + string(s.State)
	if s.State == slot.Skipped {
		text += ": " + s.Reason
	}
	return text
}

// slotBefore returns the newest slot of a job that is due at or before a time, or a range that includes it; nil if there is none. Due times that
// were skipped by catch_up count as if there were none: those of the job that comes after were missed, too.
func slotBefore(tx catalog.Tx, job string, until time.Time) (*Slot, error) {
	s, err := newestOf(tx, Ref{Job: job, Due: until})
	if err != nil || s != nil && s.isRelevant() {
		return s, err
	}
	prefix := slotPrefix + job + "/"
	for s, err := range catalog.Documents[Slot](tx, prefix, prefix+newestFrom(until)) {
		if err != nil || s.isRelevant() {
			return &s, err
		}
	}
	return nil, nil
}

// isRelevant reports whether slots that come after one depend on it.
func (s *Slot) isRelevant() bool {
	return s.State != slot.Skipped || s.Reason == slot.ByPause || s.Reason == slot.ByOverlap
}

// zoneOf returns the zone in which people see the slots of a job.
func zoneOf(j *project.Job) *time.Location { return cmp.Or(j.Zone, time.UTC) }
