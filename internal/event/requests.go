// Requests of live intake, their answers, and where their rows are from.

package event

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"sync/atomic"

	"bursar/internal/event/dedupe"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// Request is one delivery of events to live intake.
type Request struct {
	Key  string // idempotency key of the sender; may be empty
	Body []byte // JSON lines, not compressed; must not be changed, since it may be read after Accept returns
}

// Answer reports what happened to a request's rows: Rows = Accepted + Duplicates + Quarantined.
type Answer struct {
	Stream      string        `json:"stream"`
	Rows        int64         `json:"rows"`
	Accepted    int64         `json:"accepted"`
	Duplicates  int64         `json:"duplicates"`
	Quarantined int64         `json:"quarantined"`
	Rejected    []RejectedRow `json:"rejected"` // the first MaxRejectedRows rows in quarantine, by row
	Repeated    bool          `json:"repeated"` // the answer is that of an earlier request with the same key
}

// RejectedRow says why a row is in quarantine.
type RejectedRow struct {
	Row    int64  `json:"row"` // 1-based line in the request
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
}

// MaxRejectedRows is how many rejected rows an answer lists.
const MaxRejectedRows = 1000

// pendingRequest is a request that waits for its answer. It is answered when its rows are checked and its body is durable, in either order.
type pendingRequest struct {
	key        string
	digest     string // SHA-256 of the body, where the key or the identity of rows needs it
	body       []byte // nil once it belongs to a segment
	size       int64
	recoveries uint64 // number of spool recoveries when the key was looked up
	firstLine  int64  // the line of the batch's file at which the body starts
	answer     Answer

	stepsLeft atomic.Int32 // until the answer: rows checked, body durable
	once      sync.Once
	err       error
	done      chan struct{}         // closed once answer or err is final
	onDone    func(*pendingRequest) // called before done is closed; may be nil
}

func newPendingRequest(s *project.Stream, r Request) *pendingRequest {
	a := &pendingRequest{key: r.Key, body: r.Body, size: int64(len(r.Body)), done: make(chan struct{})}
	a.answer = Answer{Stream: s.Name, Rejected: []RejectedRow{}}
	if r.Key != "" || s.ID[0] == project.RowID {
		sum := sha256.Sum256(r.Body)
		a.digest = hex.EncodeToString(sum[:])
	}
	a.stepsLeft.Store(2)
	return a
}

// completeStep completes one of the two steps to an answer.
func (p *pendingRequest) completeStep() {
	if p.stepsLeft.Add(-1) == 0 {
		p.finish(nil)
	}
}

func (p *pendingRequest) finish(err error) {
	p.once.Do(func() {
		p.err = err
		if p.onDone != nil {
			p.onDone(p)
		}
		close(p.done)
	})
}

func (p *pendingRequest) isDone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// appendLines appends the body to a text as whole lines.
func (p *pendingRequest) appendLines(text []byte) []byte {
	body := bytes.TrimPrefix(p.body, []byte("\xef\xbb\xbf"))
	if text = append(text, body...); len(body) > 0 && body[len(body)-1] != '\n' {
		text = append(text, '\n')
	}
	return text
}

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
