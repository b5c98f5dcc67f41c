// Retractions of files: which are retracted, and which were cut short.

package imported

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

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
		return eachImported(tx, func(k *File) {
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
