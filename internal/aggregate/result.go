// What an import answers: of each file, also where intake rejected all its rows, and of all together.

package aggregate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/aggregate/cancel"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/imported"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/project"
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

func (f *File) whole() bool {
	return len(f.Parts) > 0 && !slices.ContainsFunc(f.Parts, func(p imported.Part) bool { return p.Refused != "" })
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

// rejections are the rejected entries or statements of one file, without those that conflict with stored rows only in words.
type rejections struct {
	rows, conflicts int64
	unnamed         int64 // statements that name no account
	first           string
}

// all reports whether these are all rows, and not all of them are conflicts with stored rows.
func (r *rejections) all(rows int64) bool {
	return r != nil && rows > 0 && r.rows == rows && r.conflicts < rows
}

// markQuarantined notes on each part whether all its entries were rejected, or all its statements if it has no entries,
// or an MT940 statement that names no account.
func (im *Importer) markQuarantined(ctx context.Context, r *Result) error {
	entries, err := im.rejectedRows(ctx, r, project.EntryStream)
	if err != nil {
		return err
	}
	statements, err := im.rejectedRows(ctx, r, project.StatementStream)
	if err != nil {
		return err
	}
	for _, f := range r.Files {
		for i := range f.Parts {
			p := &f.Parts[i]
			name, err := filepath.Abs(p.File)
			if err != nil {
				return fmt.Errorf("name file %s: %w", p.File, err)
			}
			switch rejected, stated := entries[name], statements[name]; {
			case f.Known || p.Refused != "":
			case rejected.all(p.Entries):
				p.Quarantined = quarantinedText(p.Entries, "entry", "entries", rejected)
			case p.Entries == 0 && stated.all(p.Statements):
				p.Quarantined = quarantinedText(p.Statements, "statement", "statements", stated)
			case stated != nil && stated.unnamed > 0 && strings.HasPrefix(p.Format, "mt94"):
				p.Quarantined = fmt.Sprintf("%d of its %d statements name no account (:25:) and are in quarantine", stated.unnamed, p.Statements)
			case r.Streams[project.EntryStream].Batch == 0 && r.Streams[project.StatementStream].Batch == 0 && i < len(f.previousParts):
				p.Quarantined = f.previousParts[i].Quarantined // the same rows again, which intake already has
			}
		}
	}
	return nil
}

func quarantinedText(rows int64, one, many string, r *rejections) string {
	if rows == 1 {
		return fmt.Sprintf("its only %s is in quarantine: %s", one, r.first)
	}
	return fmt.Sprintf("all %d %s are in quarantine; the first: %s", rows, many, r.first)
}

// rejectedRows counts by file what the import's batch of a stream has in quarantine.
func (im *Importer) rejectedRows(ctx context.Context, r *Result, stream string) (map[string]*rejections, error) {
	batch := r.Streams[stream]
	if batch.Quarantined == 0 {
		return nil, nil
	}
	files := map[string]*rejections{}
	err := imported.Quarantine(ctx, im.Catalog, im.Objects, stream, func(row event.Rejected) error {
		if row.Batch != batch.Batch {
			return nil
		}
		file := files[row.File]
		if file == nil {
			file = &rejections{first: statement.Brief(row.Reason, statement.MaxTextLength)}
			files[row.File] = file
		}
		file.rows++
		if row.Conflict() {
			file.conflicts++
		}
		var stated struct{ Opening, Closing string } // text after the end of a message has no booked balance
		unnamed := stream == project.StatementStream && row.Column == "account"
		if unnamed && json.Unmarshal([]byte(row.Raw), &stated) == nil && stated.Opening+stated.Closing != "" {
			file.unnamed++
		}
		return nil
	})
	return files, err
}
