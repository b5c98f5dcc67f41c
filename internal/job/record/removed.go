// Ends the slots of jobs that are not declared any more.

package record

import (
	"encoding/json"
	"fmt"
	"maps"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/slot"
)

// mostRemoved bounds the slots of jobs that are not declared any more which one decision ends.
const mostRemoved = 1_000

// removed ends the waiting slots of jobs that are not declared any more, and lists those that are executed: they fail, and say so. A job that
// is declared again goes on where it was left: what was due meanwhile was missed. Jobs that are left out stay as they are.
func (d *decision) removed(leftOut map[string]bool) error {
	kept := maps.Clone(leftOut)
	for name := range d.jobs {
		kept[name] = true
	}
	running, err := undeclared(d.tx, runningPrefix, kept)
	if err != nil {
		return err
	}
	d.Start = append(d.Start, running...)
	waiting, err := undeclared(d.tx, waitingPrefix, kept)
	if err != nil {
		return err
	}
	if len(waiting) == mostRemoved {
		d.again(d.now)
	}
	for _, ref := range waiting {
		if err := d.remove(ref); err != nil {
			return &jobError{ref.Job, err}
		}
	}
	return nil
}

func (d *decision) remove(ref Ref) error {
	st, _, err := readState(d.tx, ref.Job)
	if err != nil {
		return err
	}
	s, err := listed(d.tx, ref)
	if err != nil {
		return err
	}
	if err := d.end(st, s, slot.Skipped, slot.ByRemoval); err != nil {
		return err
	}
	return d.tx.Put(stateKey(ref.Job), st)
}

// undeclared returns up to mostRemoved slots under a prefix but those of jobs that are kept, which are not read.
func undeclared(tx catalog.Tx, prefix string, kept map[string]bool) (list []Ref, err error) {
	for after, more := prefix, true; more && err == nil; {
		more = false
		err = failure.UnlessStopped(tx.ListAfter(prefix, after, func(_ string, value json.RawMessage) error {
			var ref Ref
			if err := json.Unmarshal(value, &ref); err != nil {
				return fmt.Errorf("read a reference under %s: %w", prefix, err)
			}
			if kept[ref.Job] {
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
