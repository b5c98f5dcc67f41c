// Finds the files of which nothing was accepted, because intake rejected all their rows.

package aggregate

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/imported"
	"bursar/internal/event"
	"bursar/internal/project"
)

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
		if stream == project.StatementStream && row.Column == "account" && statesBalance(row.Raw) {
			file.unnamed++
		}
		return nil
	})
	return files, err
}

// statesBalance reports whether a statement's row has a booked balance: text after the end of a message has none.
func statesBalance(raw string) bool {
	var s struct{ Opening, Closing string }
	return json.Unmarshal([]byte(raw), &s) == nil && s.Opening+s.Closing != ""
}
