// Handles files that are read again by other declarations, and the rows of their earlier readings.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/object"
	"bursar/internal/project"
)

// reread says which rows of a file belong to earlier readings. Their rejected rows are not shown in quarantine any
// more, and statements that the last reading lacks do not count.
type reread struct {
	Readings int               `json:"readings"`
	Files    map[string]uint64 `json:"files"`              // by stream: the last input file before the rows of the last reading
	Removed  []string          `json:"gone,omitempty"`     // ids of statements
	Ingested bool              `json:"taken,omitempty"`    // the rows of the last reading are ingested
	Previous *reread           `json:"before,omitempty"`   // state of the previous reading, until they are
	Unlisted []string          `json:"unlisted,omitempty"` // of a retracted file, the corrections that no statement which counts lists
}

const rereadPrefix = "statements/reread/"

// current is the last reading whose rows are ingested, or nil.
func (r *reread) current() *reread {
	if r == nil || r.Ingested {
		return r
	}
	return r.Previous.current()
}

// rereads are by the object of the file.
type rereads map[string]*reread

func rereadsOf(ctx context.Context, from catalog.Catalog) (all rereads, err error) {
	err = from.View(ctx, func(tx catalog.Tx) error {
		all = rereads{}
		return tx.List(rereadPrefix, func(key string, value json.RawMessage) error {
			var r reread
			if err := json.Unmarshal(value, &r); err != nil {
				return fmt.Errorf("read which files were read again: %w", err)
			}
			if last := r.current(); last != nil {
				all[objectName(strings.TrimPrefix(key, rereadPrefix))] = last
			}
			return nil
		})
	})
	return all, err
}

// removed are the statements that the last readings of their files lack.
func (all rereads) removed() map[string]bool {
	ids := map[string]bool{}
	for _, r := range all {
		for _, id := range r.Removed {
			ids[id] = true
		}
	}
	return ids
}

// unlisted are the corrections of retracted files that no statement which counts lists.
func (all rereads) unlisted() (ids []string) {
	for _, r := range all {
		ids = append(ids, r.Unlisted...)
	}
	return ids
}

// Quarantine is event.Quarantine without the rows that a later reading of their file has replaced.
func Quarantine(ctx context.Context, c catalog.Catalog, store object.Store, stream string, each func(event.Rejected) error) error {
	all, err := rereadsOf(ctx, c)
	if err != nil {
		return err
	}
	return event.Quarantine(ctx, c, store, stream, func(r event.Rejected) error {
		if len(all) > 0 {
			var parsed struct{ Object string }
			if err := json.Unmarshal([]byte(r.Raw), &parsed); err == nil && all[parsed.Object] != nil && r.Number <= all[parsed.Object].Files[stream] {
				return nil
			}
		}
		return each(r)
	})
}

// CountQuarantine is event.Store.CountQuarantine without such rows.
func CountQuarantine(ctx context.Context, in *event.Store, stream string) (event.QuarantineCount, error) {
	all, err := rereadsOf(ctx, in.Catalog)
	if err != nil || len(all) == 0 {
		n, failed := in.CountQuarantine(ctx, stream)
		return n, errors.Join(err, failed)
	}
	n := event.QuarantineCount{Stream: stream}
	err = Quarantine(ctx, in.Catalog, in.Objects, stream, func(r event.Rejected) error {
		if r.Dismissed != nil {
			n.Dismissed++
		} else {
			n.Rows++
		}
		return nil
	})
	return n, err
}

// needsReread reports whether an imported file is read once more. Every file is, if a file was retracted or events of a
// built-in stream were given up since. Otherwise the declarations or readers must have changed, and the file must have
// a faulty statement, rows in quarantine or a changed binding.
func (r *reading) needsReread(ctx context.Context, f *File, k *importedFile) (bool, error) {
	if k.Retracted != nil || k.Retractions != r.retractions || k.GivenUp != r.givenUp {
		return true, nil
	}
	if k.Declared == r.Project.InstitutionsDigest() && k.Readers == readersVersion {
		return false, nil
	}
	if otherwise, err := r.declaredOtherwise(ctx, k); err != nil || otherwise {
		return otherwise, err
	}
	return r.inQuarantine(ctx, f.Object)
}

// countChanges counts the retracted files and the given-up parts of the built-in streams: files imported before the
// last of these are read again.
func (r *reading) countChanges(ctx context.Context) error {
	err := r.Catalog.View(ctx, func(tx catalog.Tx) error {
		r.retractions = 0
		_, err := tx.Get(retractionsKey, &r.retractions)
		return err
	})
	for _, stream := range project.BuiltinStreams {
		list, failed := event.ListGivenUp(ctx, r.Catalog, stream)
		err = errors.Join(err, failed)
		r.givenUp += len(list)
	}
	return err
}

// declaredOtherwise reports whether the current declarations may read a file differently.
func (r *reading) declaredOtherwise(ctx context.Context, k *importedFile) (bool, error) {
	if r.declarationsChanged == nil {
		faults, err := CheckDeclared(ctx, r.Catalog, r.Project)
		if err != nil {
			return false, err
		}
		r.declarationsChanged = new(len(faults) > 0)
	}
	faulty := slices.ContainsFunc(k.Parts, func(p Part) bool { return p.Quarantined != "" || len(p.Faults) > 0 })
	return *r.declarationsChanged || faulty || !k.Totals && r.rules.declaresTotals(k.Parts), nil
}

// inQuarantine reports whether rows of a file are in quarantine for another reason than a conflict.
func (r *reading) inQuarantine(ctx context.Context, object string) (bool, error) {
	if r.rejected != nil {
		return r.rejected[object], nil
	}
	all := map[string]bool{}
	for _, stream := range project.BuiltinStreams {
		err := Quarantine(ctx, r.Catalog, r.Objects, stream, func(row event.Rejected) error {
			var of struct{ Object string }
			if err := json.Unmarshal([]byte(row.Raw), &of); err == nil && !row.Conflict() {
				all[of.Object] = true
			}
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	r.rejected = all
	return all[object], nil
}

// rereadFiles are the files that other declarations read again, by object.
func rereadFiles(files []*File) map[string]*File {
	found := map[string]*File{}
	for _, f := range files {
		if f.reread && f.readsAll() {
			found[f.Object] = f
		}
	}
	return found
}

// beginRereads records where the rows of earlier readings end, before any row of this one is ingested: after a crash
// the position stays the same.
func (r *reading) beginRereads(ctx context.Context, files map[string]*File) error {
	if len(files) == 0 {
		return nil
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, f := range files {
			var was reread
			found, err := tx.Get(rereadPrefix+f.Digest, &was)
			if err != nil {
				return err
			}
			if found && !was.Ingested {
				continue
			}
			next := reread{Readings: f.readings, Files: map[string]uint64{}}
			if found {
				next.Previous = &was
				next.Previous.Previous = nil
			}
			for _, stream := range project.BuiltinStreams {
				if next.Files[stream], err = event.LastFile(tx, stream); err != nil {
					return err
				}
			}
			if err := tx.Put(rereadPrefix+f.Digest, next); err != nil {
				return err
			}
		}
		return nil
	})
}

// endRereads records that the rows of reread files are ingested.
func endRereads(tx catalog.Tx, files map[string]*File) error {
	for _, f := range files {
		var r reread
		if _, err := tx.Get(rereadPrefix+f.Digest, &r); err != nil {
			return err
		}
		r.Ingested, r.Previous, r.Removed = true, nil, f.removed
		if err := tx.Put(rereadPrefix+f.Digest, r); err != nil {
			return err
		}
	}
	return nil
}
