// Ends the slots of jobs that are not declared any more.

package record

import (
	"encoding/json"
	"fmt"

	"bursar/internal/failure"
	"bursar/internal/job/slot"
)

// mostRemoved bounds the slots of jobs that are not declared any more which one decision ends.
const mostRemoved = 1_000

// removed ends the waiting slots of jobs that are not declared any more, and lists those that are executed: they fail, and say so. A job that
// is declared again goes on where it was left: what was due meanwhile was missed.
func (d *decision) removed() error {
	running, err := d.undeclared(runningPrefix)
	if err != nil {
		return err
	}
	d.Start = append(d.Start, running...)
	waiting, err := d.undeclared(waitingPrefix)
	if err != nil {
		return err
	}
	if len(waiting) == mostRemoved {
		d.again(d.now)
	}
	for _, ref := range waiting {
		if err := d.remove(ref); err != nil {
			return err
		}
	}
	return nil
}

func (d *decision) remove(ref Ref) error {
	st, _, err := readState(d.tx, ref.Job)
	if err != nil {
		return err
	}
	s, err := get(d.tx, ref)
	if err != nil {
		return err
	}
	if s == nil {
		return noDocument(ref)
	}
	if err := d.end(st, s, slot.Skipped, slot.ByRemoval); err != nil {
		return err
	}
	return d.tx.Put(stateKey(ref.Job), st)
}

// undeclared returns up to mostRemoved slots under a prefix whose jobs are not declared. The slots of those that are declared are not read.
func (d *decision) undeclared(prefix string) (list []Ref, err error) {
	for after, more := prefix, true; more && err == nil; {
		more = false
		err = failure.UnlessStopped(d.tx.ListAfter(prefix, after, func(_ string, value json.RawMessage) error {
			var ref Ref
			if err := json.Unmarshal(value, &ref); err != nil {
				return fmt.Errorf("read a reference under %s: %w", prefix, err)
			}
			if d.jobs[ref.Job] != nil {
				after, more = prefix+ref.Job+afterSlash, true
				return failure.ErrStop
			}
			if list = append(list, ref); len(list) == mostRemoved {
				return failure.ErrStop
			}
			return nil
		}))
	}
	return list, err
}

// afterSlash follows a job's name in a text above all keys of its slots and below those of jobs whose names are longer.
const afterSlash = "0"
