// Attempts give what one process writes names of its own, and tombstones delay deletion, where two processes may write a stream's objects
// at once: one that lost the project to another may not know it yet.

package event

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Attempt writes the objects of a batch, or a table of the dedupe index. At most one attempt of each kind is open in a stream; whoever begins the
// next gives up the one before.
type Attempt struct {
	Prefix string // begins the names of its objects, which no other attempt ever uses
	key    string // of its document; empty if the project's lock keeps other processes away
}

// openAttempt is the catalog's document of an attempt that is not sealed.
type openAttempt struct {
	Prefix string    `json:"prefix"`
	Batch  uint64    `json:"batch,omitempty"`
	Begun  time.Time `json:"begun"`
}

// isSealed reports whether the batch in the catalog is that of the attempt: of a catalog that was restored from a backup, the attempt may have been
// sealed later, and the batch added by repair.
func (o *openAttempt) isSealed(tx catalog.Tx, stream string) (bool, error) {
	if o.Batch == 0 {
		return false, nil
	}
	b, known, err := FindBatch(tx, stream, o.Batch)
	return known && slices.ContainsFunc(b.ObjectNames(), func(name string) bool { return strings.HasPrefix(name, o.Prefix) }), err
}

// ErrOvertaken is returned by the end of an attempt after another process has begun one. Its class is Transient: a new process writes it again.
var ErrOvertaken = failure.Wrap(failure.Transient, errors.New("another process has taken over the project or the stream, and writes the same meanwhile; start this one again"))

const (
	attemptPrefix   = "attempt/"
	tombstonePrefix = "tombstone/"
)

// BeginBatch begins an attempt of a batch. What an interrupted attempt of it left is deleted (rule 1: nothing exists before the seal).
func (st *Store) BeginBatch(ctx context.Context, stream string, batch uint64) (Attempt, error) {
	prefix := BatchPrefix(stream, batch)
	if st.Shared {
		return st.begin(ctx, stream, "batch", openAttempt{Prefix: prefix + newAttemptName() + "/", Batch: batch})
	}
	names, err := st.Objects.List(ctx, prefix)
	if err == nil {
		err = st.DeleteObjects(ctx, names)
	}
	return Attempt{Prefix: prefix}, err
}

// BeginTable begins an attempt of a table of the dedupe index, whose name is the prefix.
func (st *Store) BeginTable(ctx context.Context, stream, name string) (Attempt, error) {
	if st.Shared {
		return st.begin(ctx, stream, "table", openAttempt{Prefix: name + "-" + newAttemptName()})
	}
	return Attempt{Prefix: name}, nil
}

func newAttemptName() string { return strings.ToLower(rand.Text()) }

func (st *Store) begin(ctx context.Context, stream, kind string, next openAttempt) (Attempt, error) {
	key := attemptPrefix + stream + "/" + kind
	next.Begun = st.Now().UTC()
	err := st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var last openAttempt
		found, err := tx.Get(key, &last)
		if err == nil && found {
			err = st.giveUp(tx, stream, &last)
		}
		if err != nil {
			return err
		}
		return tx.Put(key, next)
	})
	if err != nil {
		return Attempt{}, fmt.Errorf("begin to write %s: %w", next.Prefix, err)
	}
	return Attempt{next.Prefix, key}, nil
}

// giveUp leaves the objects of an attempt to Sweep.
func (st *Store) giveUp(tx catalog.Tx, stream string, last *openAttempt) error {
	sealed, err := last.isSealed(tx, stream)
	if err != nil || sealed {
		return err
	}
	return st.putTombstone(tx, last.Prefix)
}

// End ends the attempt within the transaction that makes its objects known.
func (a *Attempt) End(tx catalog.Tx) error {
	if a.key == "" {
		return nil
	}
	var open openAttempt
	if _, err := tx.Get(a.key, &open); err != nil {
		return err
	}
	if open.Prefix != a.Prefix {
		return ErrOvertaken
	}
	return tx.Delete(a.key)
}

// tombstone is the catalog's document of an object, or of all with a prefix that ends in a slash, that nothing will ever refer to again.
type tombstone struct {
	Since time.Time `json:"since"`
	Swept bool      `json:"swept,omitempty"` // objects with the prefix were deleted once
}

// isDue reports whether the objects are deleted now.
func (t *tombstone) isDue(now time.Time) bool {
	age := now.Sub(t.Since)
	return age >= tombstoneWait && !t.Swept || age >= lateWait
}

func (st *Store) putTombstone(tx catalog.Tx, name string) error {
	return tx.Put(tombstonePrefix+name, tombstone{Since: st.Now().UTC()})
}

// Replace decides within a transaction how objects that it replaces are deleted: it returns those that the caller deletes after the
// transaction. The others are left to Sweep, because another process may still read them.
func (st *Store) Replace(tx catalog.Tx, names []string) ([]string, error) {
	if !st.Shared {
		return names, nil
	}
	for _, name := range names {
		if err := st.putTombstone(tx, name); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

const (
	tombstoneWait = 10 * time.Minute // before objects are deleted (DESIGN §8)
	lateWait      = 24 * time.Hour   // before a prefix is searched again and forgotten: an upload of a stopped process may end late
	sweepAtOnce   = 1000             // tombstones
)

// Sweep deletes the objects whose tombstones are old enough, of at most a thousand tombstones.
func (st *Store) Sweep(ctx context.Context) error {
	now := st.Now()
	due, err := catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) (due map[string]tombstone, err error) {
		due = map[string]tombstone{}
		err = tx.List(tombstonePrefix, func(key string, value json.RawMessage) error {
			var t tombstone
			if err := json.Unmarshal(value, &t); err != nil {
				return fmt.Errorf("decode %s: %w", key, err)
			}
			if t.isDue(now) {
				due[key] = t
			}
			if len(due) == sweepAtOnce {
				return failure.ErrStop
			}
			return nil
		})
		return due, failure.UnlessStopped(err)
	})
	if err != nil || len(due) == 0 {
		return err
	}
	for key := range due {
		if err := st.deleteAll(ctx, strings.TrimPrefix(key, tombstonePrefix)); err != nil {
			return err
		}
	}
	return st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var failed error
		for key, t := range due {
			if strings.HasSuffix(key, "/") && now.Sub(t.Since) < lateWait {
				t.Swept = true
				failed = errors.Join(failed, tx.Put(key, t))
			} else {
				failed = errors.Join(failed, tx.Delete(key))
			}
		}
		return failed
	})
}

// deleteAll deletes the object of a tombstone, or those with its prefix.
func (st *Store) deleteAll(ctx context.Context, name string) error {
	names := []string{name}
	if strings.HasSuffix(name, "/") {
		var err error
		if names, err = st.Objects.List(ctx, name); err != nil {
			return err
		}
	}
	return st.DeleteObjects(ctx, names)
}

// UnfinishedPrefixes returns prefixes of objects that the catalog does not know: those of the streams' next batches, of open attempts, and
// those with tombstones.
func (st *Store) UnfinishedPrefixes(ctx context.Context, streams []string) (prefixes []string, err error) {
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		prefixes = nil
		for _, stream := range streams {
			state, err := GetState(tx, stream)
			if err != nil {
				return err
			}
			prefixes = append(prefixes, BatchPrefix(stream, state.Batches+1))
		}
		err := tx.List(attemptPrefix, func(key string, value json.RawMessage) error {
			var open openAttempt
			err := json.Unmarshal(value, &open)
			prefixes = append(prefixes, open.Prefix)
			return err
		})
		if err != nil {
			return err
		}
		return tx.List(tombstonePrefix, func(key string, _ json.RawMessage) error {
			prefixes = append(prefixes, strings.TrimPrefix(key, tombstonePrefix))
			return nil
		})
	})
	return prefixes, err
}

// HasAnyPrefix reports whether the name of an object begins with one of the prefixes.
func HasAnyPrefix(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
