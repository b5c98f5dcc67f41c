// Finds what no slot refers to: tasks in the catalog, and objects.

package chunk

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/record"
)

// workPattern matches the keys of a slot's tasks.
var workPattern = regexp.MustCompile(`^job/([^/]+)/work/([^/]+)/(\d+)/`)

// foldersAtOnce bounds the slots that are looked for in one transaction.
const foldersAtOnce = 200

// Unrecorded returns the slots that have tasks, but no record. Their names are read by one document of each.
func (w *Work) Unrecorded(ctx context.Context) (list []record.Ref, err error) {
	for after, more := "", true; more && err == nil; {
		var some []record.Ref
		last := after
		err = w.Catalog.View(ctx, func(tx catalog.Tx) error {
			some, last, more = nil, after, true
			for n := 0; n < foldersAtOnce && more; n++ {
				ref, next, err := nextFolder(tx, last)
				if err != nil {
					return err
				}
				last, more = next, next != ""
				if ref == nil {
					continue
				}
				if exists, err := record.Exists(tx, *ref); err != nil {
					return err
				} else if !exists {
					some = append(some, *ref)
				}
			}
			return nil
		})
		after, list = last, append(list, some...)
	}
	return list, err
}

// nextFolder returns the first slot that has tasks after a key, and a key after them; nil if the next document is of no task, and an empty key at
// the end.
func nextFolder(tx catalog.Tx, after string) (ref *record.Ref, next string, err error) {
	err = failure.UnlessStopped(tx.ListAfter("job/", after, func(key string, _ json.RawMessage) error {
		next = key
		if m := workPattern.FindStringSubmatch(key); m != nil {
			if parsed, err := record.ParseRef(m[1] + "/" + m[2] + "/" + m[3]); err == nil {
				ref, next = &parsed, strings.TrimSuffix(m[0], "/")+"0" // which follows a slash
			}
		}
		return failure.ErrStop
	}))
	return ref, next, err
}

// outputPattern matches the names of objects with output.
var outputPattern = regexp.MustCompile(`^` + ObjectPrefix + `([^/]+)/(\d{8}t\d{6}z)/(\d+)/(\d{6,})-[a-z2-7]{8}\.jsonl$`)

// outputChunk returns the slot and the chunk to whose tasks an object belongs, by its name, and whether it has such a name.
func outputChunk(name string) (ref record.Ref, number int, ok bool) {
	m := outputPattern.FindStringSubmatch(name)
	if m == nil {
		return ref, 0, false
	}
	due, err := time.Parse("20060102t150405z", m[2])
	run, failedRun := strconv.Atoi(m[3])
	number, failedNumber := strconv.Atoi(m[4])
	return record.Ref{Job: m[1], Due: due, Run: run}, number, err == nil && failedRun == nil && failedNumber == nil
}

// Unknown returns which of the objects below ObjectPrefix, sorted by name, no outcome names. Unfinished ones are from an attempt that was
// interrupted before its outcome was written, or will be in a moment; they are removed with their slot.
func (w *Work) Unknown(ctx context.Context, names []string) (unexpected, unfinished []string, err error) {
	chunk, known := "", map[string]bool{}
	exists := false
	for _, name := range names {
		ref, number, ok := outputChunk(name)
		if !ok {
			unexpected = append(unexpected, name)
			continue
		}
		if key := outcomesKey(ref, number); key != chunk {
			if known, exists, err = w.namedOutputs(ctx, ref, number); err != nil {
				return nil, nil, err
			}
			chunk = key
		}
		switch {
		case known[name]:
		case exists:
			unfinished = append(unfinished, name)
		default:
			unexpected = append(unexpected, name)
		}
	}
	return unexpected, unfinished, nil
}

// namedOutputs returns the names of the objects with the output of a chunk, and whether its slot exists.
func (w *Work) namedOutputs(ctx context.Context, ref record.Ref, number int) (names map[string]bool, exists bool, err error) {
	err = w.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		var o struct {
			Outputs []struct{ Name string } `json:"outputs"`
		}
		if exists, err = record.Exists(tx, ref); err != nil {
			return err
		}
		_, err = tx.Get(outcomesKey(ref, number), &o)
		names = map[string]bool{}
		for _, one := range o.Outputs {
			names[one.Name] = true
		}
		return err
	})
	return names, exists, err
}
