// Package chunk divides the work of a slot into tasks, and executes them. It owns the tasks' records in the catalog: the partitions of a slot,
// which are fixed once; chunks of at most MaxTasks of them; and the outcome of each task. Outcomes are written by whole chunks with a version,
// so that a worker that was given up and wakes up late changes nothing (rule 5). A task whose worker died is executed again, unless it was
// claimed before it began. The package must not know when slots are due, what tasks do, or Temporal.
package chunk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/object"
)

// MaxTasks is the most tasks of a chunk. One document of the catalog has their outcomes.
const MaxTasks = 200

// Work divides and executes slots. It is safe for concurrent use.
type Work struct {
	Catalog catalog.Catalog
	Objects object.Store // has the output of tasks
	Now     func() time.Time
	Worker  string       // of this process, as in lists of workers
	Writes  *Writes      // of this process; nil: each chunk is written by itself
	Log     *slog.Logger // nil: nothing is logged
}

func (w *Work) log() *slog.Logger {
	if w.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return w.Log
}

// The documents of a slot, below its folder: its division, and for each chunk the partitions and the outcomes of its tasks.
type (
	// division says how the partitions of a slot are divided into chunks. It is fixed when it is complete, but for chunks that are added when a
	// long task gives up those behind it.
	division struct {
		Attempt   string     `json:"attempt"` // that writes the chunks; random
		Complete  bool       `json:"complete,omitempty"`
		Columns   []string   `json:"columns,omitempty"` // of the partitions' values
		Tasks     int        `json:"tasks"`
		Chunks    int        `json:"chunks"`
		Cancelled *time.Time `json:"cancelled,omitempty"` // no more tasks begin
	}

	// partitions are those of a chunk; they never change.
	partitions struct {
		Keys   []string    `json:"keys"`
		Values [][]*string `json:"values,omitempty"` // by partition, in the order of the columns; nil is null
	}
)

func folder(ref record.Ref) string {
	return fmt.Sprintf("job/%s/work/%s/%d/", ref.Job, ref.Due.UTC().Format(time.RFC3339), ref.Run)
}

func divisionKey(ref record.Ref) string { return folder(ref) + "division" }

func partitionsPrefix(ref record.Ref) string { return folder(ref) + "partitions/" }

func outcomesPrefix(ref record.Ref) string { return folder(ref) + "outcomes/" }

func partitionsKey(ref record.Ref, chunk int) string {
	return fmt.Sprintf("%s%06d", partitionsPrefix(ref), chunk)
}

func outcomesKey(ref record.Ref, chunk int) string {
	return fmt.Sprintf("%s%06d", outcomesPrefix(ref), chunk)
}

// objectFolder is where the output of a slot's tasks is.
func objectFolder(ref record.Ref) string {
	return fmt.Sprintf("%s%s/%s/%d/", ObjectPrefix, ref.Job, ref.Due.UTC().Format("20060102t150405z"), ref.Run)
}

// outputName returns a new name for an object with output of a chunk's tasks.
func outputName(ref record.Ref, chunk int) string {
	return fmt.Sprintf("%s%06d-%s.jsonl", objectFolder(ref), chunk, strings.ToLower(rand.Text()[:8]))
}

// ObjectPrefix is where all objects of jobs are.
const ObjectPrefix = "jobs/"

// ErrSuperseded is the error of a worker whose work another one has begun. It is transient: a worker that was given up and wakes up late may
// write first, and then the current one has to begin again with what is recorded.
var ErrSuperseded = failure.Wrap(failure.Transient, errors.New("another worker executes these tasks"))

// getDivision reads the division of a slot; nil if there is none.
func getDivision(tx catalog.Tx, ref record.Ref) (*division, error) {
	var d division
	found, err := tx.Get(divisionKey(ref), &d)
	if err != nil || !found {
		return nil, err
	}
	return &d, nil
}
