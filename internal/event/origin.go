// Where received rows are from.

package event

import (
	"cmp"

	"bursar/internal/event/dedupe"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// rowSource says which request a row came in. It identifies the rows of a `_row` stream.
type rowSource struct {
	digest     string
	line       int64  // in the request; 0 for rows of files, and for rows that earlier versions quarantined without it
	occurrence uint32 // of a row identified by its content: its number among equal rows so far; 0 is unknown
}

// requestOf returns the request that a row came in, or nil for rows of files.
func (seg *segment) requestOf(row int64) *pendingRequest {
	if len(seg.requests) == 0 {
		return nil
	}
	low, high := 0, len(seg.requests)
	for high-low > 1 {
		if mid := (low + high) / 2; seg.requests[mid].firstLine <= row {
			low = mid
		} else {
			high = mid
		}
	}
	return seg.requests[low]
}

// occurrenceScope is the file or request within which equal rows are counted.
type occurrenceScope struct {
	file      uint64
	firstLine int64 // the line of the file at which the request starts; 0 is the whole file
}

// scopeOf returns the scope in which a row's content is counted. It is the same when the row is retried.
func (seg *segment) scopeOf(block int, row int64) occurrenceScope {
	e := occurrenceScope{file: seg.file.Number}
	if line := seg.requestSource(block, row).line; line > 0 {
		e.firstLine = row - line + 1
	}
	return e
}

// identitySource returns the source that identifies a row of a `_row` stream.
func (seg *segment) identitySource(block int, row int64) rowSource {
	if source := seg.requestSource(block, row); source.digest != "" {
		return source
	}
	return rowSource{digest: seg.file.Digest, line: row}
}

// requestSource returns the request and line of a row; zero for rows of files.
func (seg *segment) requestSource(block int, row int64) rowSource {
	if p := seg.requestOf(row); p != nil {
		return rowSource{digest: p.digest, line: row - p.firstLine + 1}
	}
	if seg.rowSources != nil {
		return seg.rowSources[block]
	}
	return rowSource{}
}

// addSources adds their sources to rejected rows. A retry of rows that are identified by them needs them.
func (seg *segment) addSources(block int, rejects []reject) {
	for i := range rejects {
		source := seg.requestSource(block, rejects[i].Row)
		source.occurrence = cmp.Or(rejects[i].source.occurrence, source.occurrence)
		rejects[i].source = source
	}
}

// countAnswer counts an accepted or duplicate row in the answer to its request.
func (seg *segment) countAnswer(row int64, kind dedupe.Kind) {
	p := seg.requestOf(row)
	switch {
	case p == nil:
	case kind == dedupe.New:
		p.answer.Rows++
		p.answer.Accepted++
	case kind == dedupe.Duplicate:
		p.answer.Rows++
		p.answer.Duplicates++
	}
}

// listRejects counts and lists quarantined rows in the answers to their requests.
func (seg *segment) listRejects(rejects []reject) {
	for _, r := range rejects {
		p := seg.requestOf(r.Row)
		if p == nil {
			return
		}
		p.answer.Rows++
		p.answer.Quarantined++
		if len(p.answer.Rejected) < MaxRejectedRows {
			p.answer.Rejected = append(p.answer.Rejected, RejectedRow{Row: r.Row - p.firstLine + 1, Column: r.Column, Reason: r.Reason})
		}
	}
}

// parse parses the text of received rows.
func (w *batchWriter) parse(seg *segment) error {
	plan, err := w.planFor(seg.file)
	if err != nil {
		return err
	}
	if seg.blocks, err = plan.ParseOwned(seg.text, nil, seg.firstLine); err != nil {
		return err
	}
	seg.text, seg.recycler = nil, plan
	for _, block := range seg.blocks {
		seg.rows += len(block.Rows)
		w.countRows(seg.file, len(block.Rows)+len(block.Rejects))
	}
	return nil
}

// planFor returns the plan that reads rows of a file. Requests are JSON lines, whatever format the stream's files have. In them a CSV header or a
// Parquet column is one property, even if its name contains dots.
func (w *batchWriter) planFor(f *File) (*scan.Plan, error) {
	if f.Format == "" || f.Format == string(w.stream.Format) {
		return w.plan, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.requestPlan == nil {
		lines := *w.stream
		lines.Format = project.JSONL
		plan, err := scan.NewPlan(&lines, w.options.KeyColumns)
		if err != nil {
			return nil, err
		}
		w.requestPlan = plan
	}
	return w.requestPlan, nil
}
