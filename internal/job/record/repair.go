// Repairs the documents of slots: what lists, counts and names them is made again from the slots, and slots from what names them.

package record

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
)

// RepairLists removes misplaced documents, and lists the open slots of a job again. A listed slot without a document gets one: it is open, and
// goes on. Runs that people have asked for are left to Restore and RepairState. It returns what it has changed.
func (s *Slots) RepairLists(ctx context.Context, job string) (done []string, err error) {
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		done = nil
		for _, repair := range []func(catalog.Tx, string) ([]string, error){removeMisplaced, s.repairListed, listAgain} {
			some, err := repair(tx, job)
			if err != nil {
				return err
			}
			done = append(done, some...)
		}
		return nil
	})
	return done, err
}

// removeMisplaced removes the documents that have the key of another slot than theirs, so that a slot whose record they replace is restored.
func removeMisplaced(tx catalog.Tx, job string) (done []string, err error) {
	var keys []string
	err = eachDocument(tx, job, "", func(key string, one *Slot) error {
		if isMisplaced(key, one) {
			keys = append(keys, key)
			done = append(done, fmt.Sprintf("removed %s, which described slot %s as %s", key, one.Ref, one.State))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return done, deleteAll(tx, keys)
}

func deleteAll(tx catalog.Tx, keys []string) error {
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// repairListed restores the slots that are listed without a document, and removes what lists slots that are not open.
func (s *Slots) repairListed(tx catalog.Tx, job string) (done []string, err error) {
	restore, stale, err := s.badLists(tx, job)
	if err != nil {
		return nil, err
	}
	for _, key := range stale {
		done = append(done, "removed "+key+", which lists no slot")
	}
	for i := range restore {
		if isUncertain(&restore[i]) {
			continue
		}
		done = append(done, fmt.Sprintf("restored the record of slot %s: it is %s", restore[i].Ref, restore[i].State))
		if err := put(tx, &restore[i]); err != nil {
			return nil, err
		}
	}
	return done, deleteAll(tx, stale)
}

// listAgain lists the open slots that are not listed.
func listAgain(tx catalog.Tx, job string) (done []string, err error) {
	unlisted, err := unlistedSlots(tx, job)
	if err != nil {
		return nil, err
	}
	for i := range unlisted {
		done = append(done, fmt.Sprintf("listed slot %s as %s again", unlisted[i].Ref, unlisted[i].State))
		if err := put(tx, &unlisted[i]); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// isUncertain reports whether it is unknown which tasks a slot without a record was to execute: a run that a person has asked for has perhaps
// only those that had failed.
func isUncertain(lost *Slot) bool { return lost.Run > 0 && lost.Kind == slot.Manual }

// badLists returns the slots that are listed without a document, and the keys that list slots which are not open.
func (s *Slots) badLists(tx catalog.Tx, job string) (restore []Slot, stale []string, err error) {
	now := s.Now().UTC()
	err = eachListed(tx, job, func(key string, state slot.State, ref Ref, one *Slot) error {
		if one != nil {
			if listKey(one) != key {
				stale = append(stale, key)
			}
			return nil
		}
		lost := Slot{Ref: ref, Count: 1, Kind: kindOf(ref), State: state}
		if state == slot.Running {
			lost.Began = &now
		} else {
			lost.Kind = listedKind(key, job)
		}
		restore = append(restore, lost)
		return nil
	})
	return restore, stale, err
}

// kindOf guesses the kind of a slot whose record is lost.
func kindOf(ref Ref) slot.Kind {
	if ref.Run > 0 {
		return slot.Manual
	}
	return slot.Scheduled
}

// listedKind returns the kind of a waiting slot, which is in its key.
func listedKind(key, job string) slot.Kind {
	for i, kind := range slot.Kinds() {
		if strings.HasPrefix(key, fmt.Sprintf("%s%s/%d/", waitingPrefix, job, i)) {
			return kind
		}
	}
	return slot.Scheduled
}

// unlistedSlots returns the open slots of a job that are not listed.
func unlistedSlots(tx catalog.Tx, job string) (list []Slot, err error) {
	err = eachDocument(tx, job, "", func(_ string, one *Slot) error {
		if isListed, err := isListed(tx, one); err != nil || isListed {
			return err
		}
		list = append(list, *one)
		return nil
	})
	return list, err
}

// Restore records a slot whose record is lost, by its tasks. When they were executed is lost, too. One that has a record stays as it is.
func (s *Slots) Restore(ctx context.Context, ref Ref, summary Summary, isOpen bool) error {
	return s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		if exists, err := Exists(tx, ref); err != nil || exists {
			return err
		}
		now := s.Now().UTC()
		one := Slot{Ref: ref, Count: 1, Kind: kindOf(ref), State: slot.Running, Began: &now}
		if !isOpen {
			one.State, one.Ended, one.Summary = slot.Done, &now, summary
			one.Reason = "its record was lost, and restored from its tasks"
			if summary.Failed > 0 || summary.Cancelled > 0 {
				one.State = slot.Failed
			}
		}
		return put(tx, &one)
	})
}

// RepairState ends the runs that neither RepairLists nor Restore could restore. Then it counts the slots of a job again, if its counters are
// wrong, and makes its state if it is missing. It returns what it has changed.
func (s *Slots) RepairState(ctx context.Context, job string) (done []string, err error) {
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		ended, err := s.endLost(tx, job)
		if err != nil {
			return err
		}
		counted, err := s.countAgain(tx, job)
		done = slices.Concat(ended, counted)
		return err
	})
	return done, err
}

// endLost ends the runs that people have asked for and that are still listed without a document. They have no tasks yet, and would execute all of
// their due time if they went on, also those that are done.
func (s *Slots) endLost(tx catalog.Tx, job string) (done []string, err error) {
	lost, _, err := s.badLists(tx, job)
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC()
	for i := range lost {
		one := &lost[i]
		if !isUncertain(one) {
			continue
		}
		one.State, one.Ended = slot.Failed, &now
		one.Reason = "its record was lost, and with it which tasks it was to execute"
		done = append(done, fmt.Sprintf("ended slot %s as failed: %s", one.Ref, one.Reason))
		if err := put(tx, one); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// countAgain counts the slots of a job, and corrects its state.
func (s *Slots) countAgain(tx catalog.Tx, job string) (done []string, err error) {
	v := &verification{tx: tx, job: job}
	if err := v.checkSlots(); err != nil {
		return nil, err
	}
	st, found, err := readState(tx, job)
	counters := v.counters.plus(st.Removed)
	if err != nil || found && st.Counters == counters {
		return nil, err
	}
	if found {
		done = append(done, fmt.Sprintf("counted the slots of job %s again: %s; it had counted %s", job, counters, st.Counters))
	} else {
		now := s.Now().UTC()
		st.Since, st.Cursor = earliest(v.first, now), earliest(v.last, now)
		done = append(done, fmt.Sprintf("made the state of job %s again from its slots, the last of which was due at %s; if it was paused, pause it again", job, st.Cursor.Format(time.RFC3339)))
	}
	st.Counters = counters
	return done, tx.Put(stateKey(job), st)
}

// earliest returns a time, or another one if it is zero or later.
func earliest(t, other time.Time) time.Time {
	if t.IsZero() || t.After(other) {
		return other
	}
	return t
}
