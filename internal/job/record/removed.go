// Ends the slots of jobs that are not declared any more.

package record

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/slot"
)

// mostRemoved bounds the slots of jobs that are not declared any more which one decision ends.
const mostRemoved = 1_000

// removedAfter is how long no process has decided about a job that is not declared when its waiting slots end. The folders of the machines of a
// project differ while they are changed: a process with an older one must not end the slots of a new job.
const removedAfter = time.Hour

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
	waiting, err := d.abandoned(kept)
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

// abandoned returns up to mostRemoved waiting slots of jobs that are not kept and about which no process has decided lately: the decisions of
// one that declares a job move its cursor. It adds the other jobs to those that are kept.
func (d *decision) abandoned(kept map[string]bool) (list []Ref, err error) {
	for again := true; again; {
		if list, err = undeclared(d.tx, waitingPrefix, kept); err != nil {
			return nil, err
		}
		again = false
		for _, ref := range slices.CompactFunc(slices.Clone(list), func(a, b Ref) bool { return a.Job == b.Job }) {
			st, _, err := readState(d.tx, ref.Job)
			if err != nil {
				return nil, &jobError{ref.Job, err}
			}
			if end := st.Cursor.Add(removedAfter); d.now.Before(end) {
				kept[ref.Job], again = true, true
				d.again(end)
			}
		}
	}
	return list, nil
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
