// Package slot decides what becomes of the due times of a job: which slots begin, wait or are skipped, by the job's policies. Its functions are
// pure: they neither ask the clock nor read anything, so that a year is tested in a moment. The package must not know how slots are stored or
// executed.
package slot

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// State is the state of a slot. Each due time ends in exactly one of the last five.
type State string

// The states.
const (
	Waiting State = "waiting"
	Running State = "running"

	Done    State = "done"
	Failed  State = "failed"
	Skipped State = "skipped" // by a policy, which is the reason
	Late    State = "late"    // done, but after its deadline
	Blocked State = "blocked" // the slot of the job that it comes after has not done its work
)

// IsOpen reports whether a slot has not ended.
func (s State) IsOpen() bool { return s == Waiting || s == Running }

// The reasons for which slots are skipped.
const (
	ByPause   = "paused"
	ByAge     = "older than catch_up.age"
	ByCatchUp = "catch_up"
	ByOverlap = "overlap"
	ByRemoval = "the job is not declared any more"
)

// Kind is why a slot exists.
type Kind string

// The kinds, in the order in which waiting slots begin.
const (
	Scheduled Kind = "scheduled" // it was due
	Manual    Kind = "manual"    // a person has asked for it
	Missed    Kind = "missed"    // it was due while nothing was up
	Backfill  Kind = "backfill"  // a person has asked for all of an interval
)

// Kinds lists all kinds.
func Kinds() []Kind { return []Kind{Scheduled, Manual, Missed, Backfill} }

// TaskID returns the idempotency key of a task: the same for each attempt and each run of its slot.
func TaskID(job string, due time.Time, key string) string {
	h := sha256.New()
	for _, text := range []string{job, due.UTC().Format(time.RFC3339), key} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		h.Write(length[:])
		h.Write([]byte(text))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
