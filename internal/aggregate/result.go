// What an import answers: of each file, and of all together.

package aggregate

import (
	"errors"
	"fmt"
	"slices"

	"bursar/internal/aggregate/cancel"
	"bursar/internal/aggregate/imported"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
)

// File is the result of one file.
type File struct {
	File   string          `json:"file"` // as it was given to Import
	Digest string          `json:"digest"`
	Object string          `json:"object"` // the object that keeps it
	Bytes  int64           `json:"bytes"`
	Known  bool            `json:"known"` // it was imported before; nothing was done
	Parts  []imported.Part `json:"parts"`

	Retracted *imported.Retraction `json:"retracted,omitempty"` // why it was not imported

	previousParts []imported.Part // of a file that is read again: its parts at the last reading
	reread        bool            // it is read again, because other declarations may change the result
	readings      int             // how often it was read again
	adjusted      cancel.File     // of a file that is read again
}

// whole reports whether every part was read.
func (f *File) whole() bool {
	return len(f.Parts) > 0 && !slices.ContainsFunc(f.Parts, func(p imported.Part) bool { return p.Refused != "" })
}

// someRead reports whether a part was read.
func (f *File) someRead() bool {
	return slices.ContainsFunc(f.Parts, func(p imported.Part) bool { return p.Refused == "" })
}

// readsAll reports whether every part was read that the last reading did not refuse.
func (f *File) readsAll() bool {
	for i, p := range f.Parts {
		if p.Refused != "" && (i >= len(f.previousParts) || f.previousParts[i].Refused == "") {
			return false
		}
	}
	return len(f.Parts) > 0
}

// Result is the result of one Import.
type Result struct {
	Files   []*File                  `json:"files"`
	Streams map[string]intake.Result `json:"streams"` // one batch of each stream that got rows
	// Cancelled counts the stored entries that no counting statement lists any more; each was cancelled by an event in takes_back.
	Cancelled int64 `json:"taken_back,omitempty"`
	// NotCancelled says why such entries may be left. Importing the same files again cancels them once the cause is removed.
	NotCancelled string `json:"not_taken_back,omitempty"`
	// Corrected counts the stored entries that other entries of the bank replace or delete.
	Corrected int64 `json:"corrected,omitempty"`
	// Older reports that an earlier version imported the project's entries, and that its rules still identify them.
	Older bool `json:"older_rules,omitempty"`
}

// Err names what was refused and why entries are not cancelled, or is nil. Class Data.
func (r *Result) Err() error {
	if r.NotCancelled == "" {
		return r.Refused()
	}
	return errors.Join(r.Refused(), failure.Wrap(failure.Data, errors.New(r.NotCancelled)))
}

// Refused names every part of which nothing was accepted, or is nil. Class Data.
func (r *Result) Refused() error {
	var all error
	for _, f := range r.Files {
		for _, p := range f.Parts {
			switch {
			case p.Refused != "":
				all = errors.Join(all, fmt.Errorf("%s:%s", p.File, p.Refused))
			case p.Quarantined != "":
				all = errors.Join(all, fmt.Errorf("%s: %s", p.File, p.Quarantined))
			}
		}
	}
	if all == nil {
		return nil
	}
	return failure.Wrap(failure.Data, all)
}
