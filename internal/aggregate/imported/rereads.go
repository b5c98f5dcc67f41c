// Which rows of a file belong to earlier readings, which files are retracted, and the rows in quarantine without these.

package imported

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// Reread says which rows of a file belong to earlier readings. Their rejected rows are not shown in quarantine any
// more, and statements that the last reading lacks do not count.
type Reread struct {
	Readings int               `json:"readings"`
	Files    map[string]uint64 `json:"files"`              // by stream: the last input file before the rows of the last reading
	Removed  []string          `json:"gone,omitempty"`     // ids of statements
	Ingested bool              `json:"taken,omitempty"`    // the rows of the last reading are ingested
	Previous *Reread           `json:"before,omitempty"`   // state of the previous reading, until they are
	Unlisted []string          `json:"unlisted,omitempty"` // of a retracted file, the corrections that no statement which counts lists
}

// RereadPrefix begins the keys of what is recorded of readings. The digest of the file follows.
const RereadPrefix = "statements/reread/"

// Current is the last reading whose rows are ingested, or nil.
func (r *Reread) Current() *Reread {
	if r == nil || r.Ingested {
		return r
	}
	return r.Previous.Current()
}

// Rereads are by the object of the file.
type Rereads map[string]*Reread

// ListRereads lists the last readings of files that were read again or retracted.
func ListRereads(ctx context.Context, from catalog.Catalog) (Rereads, error) {
	return catalog.Read(ctx, from, func(tx catalog.Tx) (Rereads, error) {
		all := Rereads{}
		return all, Each(tx, RereadPrefix, "which files were read again", func(digest string, r *Reread) {
			if last := r.Current(); last != nil {
				all[ObjectName(digest)] = last
			}
		})
	})
}

// Removed are the statements that the last readings of their files lack.
func (all Rereads) Removed() map[string]bool {
	ids := map[string]bool{}
	for _, r := range all {
		for _, id := range r.Removed {
			ids[id] = true
		}
	}
	return ids
}

// Unlisted are the corrections of retracted files that no statement which counts lists.
func (all Rereads) Unlisted() (ids []string) {
	for _, r := range all {
		ids = append(ids, r.Unlisted...)
	}
	return ids
}

// Quarantine is event.Quarantine without the rows that a later reading of their file has replaced.
func Quarantine(ctx context.Context, c catalog.Catalog, store object.Store, stream string, each func(event.Rejected) error) error {
	all, err := ListRereads(ctx, c)
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
	all, err := ListRereads(ctx, in.Catalog)
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

// Retraction is why and when a file was retracted.
type Retraction struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Begun  bool      `json:"begun,omitempty"` // what only the file lists may not be cancelled yet
}

// RetractedFile is the result of Retract or Undo.
type RetractedFile struct {
	Retraction
	File       string `json:"file"` // as it was imported
	Object     string `json:"object"`
	Undone     bool   `json:"undone,omitempty"`
	Already    bool   `json:"already,omitempty"` // it was already retracted, or not retracted
	Statements int    `json:"statements"`        // of the file
	Cancelled  int64  `json:"taken_back"`        // entries that no counting statement lists
	// NotCancelled says why such entries may be left. The same call cancels them once the cause is removed.
	NotCancelled string `json:"not_taken_back,omitempty"`
	// ImportAgain are the originals that have conflicting rows of the accounts in quarantine: importing them again may
	// accept these now. The same holds for any file that has a statement of the retracted file.
	ImportAgain []string `json:"import_again,omitempty"`
}

// RetractionsKey counts the retractions of files, so that files with conflicting rows are read again.
const RetractionsKey = "statements/retractions"

// Retracted lists the retracted files by name. Only projects in which a file was ever retracted are searched.
func Retracted(ctx context.Context, from catalog.Catalog) (list []RetractedFile, err error) {
	err = from.View(ctx, func(tx catalog.Tx) error {
		list = nil
		if found, err := tx.Get(RetractionsKey, new(uint64)); err != nil || !found {
			return err
		}
		return Each(tx, Key(""), "imported file", func(_ string, k *File) {
			if k.Retracted != nil {
				list = append(list, RetractedFile{Retraction: *k.Retracted, File: k.Name(), Object: ObjectName(k.Digest)})
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list retracted files: %w", err)
	}
	slices.SortFunc(list, func(a, b RetractedFile) int { return strings.Compare(a.File+a.Object, b.File+b.Object) })
	return list, nil
}

// ObjectsOf are the objects of files.
func ObjectsOf(files []RetractedFile) []string {
	list := make([]string, len(files))
	for i := range files {
		list[i] = files[i].Object
	}
	return list
}

// UnfinishedError says that a Retract or Undo of a file was cut short. Class Data.
type UnfinishedError struct {
	File   string // as it was imported
	Object string
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("the retraction of %s is not complete: only some of what the file lists may count", e.File)
}

// Class is Data: the command must be repeated.
func (e *UnfinishedError) Class() failure.Class { return failure.Data }

// CheckRetractions returns an *UnfinishedError while a Retract or Undo was begun and has not ended.
func CheckRetractions(ctx context.Context, from catalog.Catalog) error {
	var one *UnfinishedError
	err := from.View(ctx, func(tx catalog.Tx) error {
		one = nil
		return tx.List(unfinishedPrefix, func(key string, value json.RawMessage) error {
			one = &UnfinishedError{Object: ObjectName(strings.TrimPrefix(key, unfinishedPrefix))}
			return json.Unmarshal(value, &one.File)
		})
	})
	if err != nil {
		return fmt.Errorf("look for retractions that were cut short: %w", err)
	}
	if one == nil {
		return nil
	}
	return one
}
