// Repairs the documents of slots: what lists, counts and names them is made again from the slots, and slots from what names them.

package record

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
)

// RepairLists lists the open slots of a job again, and nothing else. A listed slot without a document gets one: it is open, and goes on. It
// returns what it has changed.
func (s *Slots) RepairLists(ctx context.Context, job string) (done []string, err error) {
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		done = nil
		restore, stale, err := s.badLists(tx, job)
		if err != nil {
			return err
		}
		for _, key := range stale {
			if err := tx.Delete(key); err != nil {
				return err
			}
			done = append(done, "removed "+key+", which lists no slot")
		}
		unlisted, err := unlistedSlots(tx, job)
		if err != nil {
			return err
		}
		for i := range restore {
			done = append(done, fmt.Sprintf("restored the record of slot %s: it is %s", restore[i].Ref, restore[i].State))
		}
		for i := range unlisted {
			done = append(done, fmt.Sprintf("listed slot %s as %s again", unlisted[i].Ref, unlisted[i].State))
		}
		for _, one := range append(restore, unlisted...) {
			if err := put(tx, &one); err != nil {
				return err
			}
		}
		return nil
	})
	return done, err
}

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
	err = tx.List(slotPrefix+job+"/", func(key string, value json.RawMessage) error {
		var one Slot
		if err := json.Unmarshal(value, &one); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		if isListed, err := isListed(tx, &one); err != nil || isListed || slotKey(one.Ref) != key {
			return err
		}
		list = append(list, one)
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

// RepairState counts the slots of a job again, if its counters are wrong, and makes its state if it is missing. It returns what it has changed.
func (s *Slots) RepairState(ctx context.Context, job string) (done []string, err error) {
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		done = nil
		v := &verification{tx: tx, job: job}
		if err := v.checkSlots(); err != nil {
			return err
		}
		st, found, err := readState(tx, job)
		if err != nil || found && st.Counters == v.counters.plus(st.Removed) {
			return err
		}
		if found {
			done = append(done, fmt.Sprintf("counted the slots of job %s again: %s; it had counted %s", job, v.counters.plus(st.Removed), st.Counters))
		} else {
			now := s.Now().UTC()
			st.Since, st.Cursor = earliest(v.first, now), earliest(v.last, now)
			done = append(done, fmt.Sprintf("made the state of job %s again from its slots, the last of which was due at %s; if it was paused, pause it again", job, st.Cursor.Format(time.RFC3339)))
		}
		st.Counters = v.counters.plus(st.Removed)
		return tx.Put(stateKey(job), st)
	})
	return done, err
}

// earliest returns a time, or another one if it is zero or later.
func earliest(t, other time.Time) time.Time {
	if t.IsZero() || t.After(other) {
		return other
	}
	return t
}
