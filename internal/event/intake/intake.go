// Intake of files, and what its result names of rows and columns that are not ingested.

// Package intake turns files and received rows into sealed batches: it parses rows, checks them against the schema, sets duplicates aside,
// keeps bad rows in quarantine, sums control totals and writes objects. Segments of rows are prepared in parallel and decided on in order
// of arrival. One catalog transaction seals a batch: a crash before it leaves nothing, a crash after it leaves everything (rules 1 and 3).
// It also retries the quarantine and accepts single rows out of it. The caller must hold the stream exclusively. Of received rows the
// package knows their source only: no requests, keys, queues or spool files.
package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// Options of one call of Ingest.
type Options struct {
	DryRun      bool
	MaxRejected float64           //nolint:forbidigo // share of rows in quarantine above which nothing is sealed, no money; 0 is no limit
	Progress    func(bytes int64) // called as bytes of the files are read; may be nil
	KeyColumns  []string          // columns that pipelines use as keys; their values are bounded like ids

	// Parts returns what a file was assembled from, at least one part: records and errors name the parts. nil is the file itself, by its absolute
	// path.
	Parts func(path string) []event.FilePart

	excluding *event.Place   // an event to treat as absent, in a dry run
	places    ids.ReadPlaces // cache of batches, used for several batches in a row; may be nil
}

// Result counts what one call ingested. Batch is 0 if nothing was sealed because every row was a duplicate.
type Result struct {
	Stream      string `json:"stream"`
	Batch       uint64 `json:"batch"`
	Rows        int64  `json:"rows"`
	Accepted    int64  `json:"accepted"`
	Quarantined int64  `json:"quarantined"`
	Duplicates  int64  `json:"duplicates"`
	Extra       int64  `json:"extra"`

	Undeclared []Undeclared `json:"undeclared,omitempty"` // by file

	Rejected     []Rejection    `json:"rejected,omitempty"`      // the first rejected rows of a dry run
	RejectedMore []RejectedMore `json:"rejected_more,omitempty"` // the others, by reason

	Totals event.Totals `json:"totals"`
	Digest string       `json:"digest"`
}

// ErrTooManyRejected is returned, wrapped, by Ingest beyond Options.MaxRejected.
var ErrTooManyRejected = errors.New("too many rows rejected")

// Ingest reads the files into one batch and seals it. If a file cannot be read to its end, the rows before the fault are sealed and the error is
// returned with the result: nothing readable is lost (rule 10).
func Ingest(ctx context.Context, st *event.Store, s *project.Stream, paths []string, o Options) (Result, error) {
	for _, path := range paths {
		if _, err := scan.Stat(path); err != nil { // before anything is begun
			return Result{}, err
		}
	}
	w, err := begin(ctx, st, s, o, st.Now(), newComputer(st, s))
	if err != nil {
		return Result{}, err
	}
	defer w.computer.close()
	defer w.close()
	var unreadable error
	err = w.flow(ctx, func(ctx context.Context) error {
		for _, path := range paths {
			err := w.ingestFile(ctx, path)
			switch _, broken := errors.AsType[*scan.ReadError](err); {
			case broken && w.stream.ID[0] == project.RowID:
				return fmt.Errorf("%w; nothing was ingested, because the stream identifies rows by their file and would not recognise them in the complete file", err)
			case broken:
				unreadable = errors.Join(unreadable, err)
			case err != nil:
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	result, err := w.sealAndCompact(ctx)
	result.Undeclared = w.undeclared
	result.Rejected, result.RejectedMore = w.rejections.listed, w.rejections.more
	return result, errors.Join(err, unreadable)
}

// ingestFile ingests one file. A file with a known digest changes nothing (rule 1): its rows count as duplicates. A file that changes
// while it is read is refused, since its rows and its digest may be of different contents.
func (w *batchWriter) ingestFile(ctx context.Context, path string) error {
	in, err := scan.OpenInput(path)
	if err != nil {
		return err
	}
	defer in.Close()
	file, known, err := w.registerFile(ctx, path, in)
	if err == nil && !known {
		err = w.scanFile(ctx, file, in)
	}
	if ctx.Err() != nil {
		return err
	}
	return cmp.Or(in.Unchanged(), err)
}

func (w *batchWriter) scanFile(ctx context.Context, file *event.File, in *scan.Input) error {
	scanned, err := in.Scan(w.plan, scan.Options{Workers: w.store.Workers, Progress: w.options.Progress, TempDir: w.store.Scratch})
	if err != nil {
		w.brokenFiles[file] = true
		return err
	}
	defer scanned.Close()
	if names := scanned.Undeclared(); len(names) > 0 {
		w.undeclared = append(w.undeclared, Undeclared{File: file.Name, Columns: names})
	}
	err = w.digestWhile(ctx, file, in, func() error { return w.sendSegments(ctx, scanned, file) })
	w.mu.Lock()
	defer w.mu.Unlock()
	file.Header = string(scanned.Header())
	if err != nil {
		w.brokenFiles[file] = true
	}
	return err
}

// sendSegments collects blocks into segments and sends them to the flow.
func (w *batchWriter) sendSegments(ctx context.Context, in *scan.File, file *event.File) error {
	seg := w.segment(in, file)
	for {
		block, err := in.Next(ctx)
		if block != nil {
			seg.blocks = append(seg.blocks, block)
			seg.rows += len(block.Rows)
			w.countRows(file, len(block.Rows)+len(block.Rejects))
		}
		if err != nil || seg.rows >= segmentRows {
			if sent := w.enqueue(ctx, seg); sent != nil {
				return sent
			}
			seg = w.segment(in, file)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Rejection is a row that a dry run rejects.
type Rejection struct {
	File   string `json:"file"`
	Row    int64  `json:"row"`
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
}

// RejectedMore counts further rows that a dry run rejects, by column and by the part of the reason that does not depend on the row.
type RejectedMore struct {
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
	Rows   int64  `json:"rows"`
}

// maxRejections bounds the rejected rows that are listed, and maxReasons the reasons by which the others are counted.
const (
	maxRejections = 10
	maxReasons    = 20
)

type rejections struct {
	listed []Rejection
	more   []RejectedMore
}

func (l *rejections) add(file *event.File, r *reject) {
	if len(l.listed) < maxRejections {
		name, row := file.At(r.Row)
		l.listed = append(l.listed, Rejection{File: name, Row: row, Column: r.Column, Reason: r.Reason})
		return
	}
	other := RejectedMore{Column: r.Column, Reason: commonReason(r.Reason)}
	i := slices.IndexFunc(l.more, func(m RejectedMore) bool { return m.Column == other.Column && m.Reason == other.Reason })
	if i < 0 {
		switch i = min(len(l.more), maxReasons); {
		case len(l.more) == maxReasons:
			l.more = append(l.more, RejectedMore{Reason: "other reasons"})
		case len(l.more) < maxReasons:
			l.more = append(l.more, other)
		}
	}
	l.more[i].Rows++
}

var bytePlace = regexp.MustCompile(` at byte \d+`)

// commonReason returns a reason without the value, and without the place of an earlier event or of a syntax error.
func commonReason(reason string) string {
	if value, err := strconv.QuotedPrefix(reason); err == nil {
		return strings.TrimLeft(reason[len(value):], "… ")
	}
	if reason, found := strings.CutPrefix(reason, event.ConflictReason); found {
		reason, _, _ = strings.Cut(reason, ",")
		return event.ConflictReason + reason
	}
	return bytePlace.ReplaceAllString(reason, "")
}

// Undeclared names the columns of a CSV or Parquet file, or the first properties of JSON lines, that the stream does not declare. Their values are
// not stored.
type Undeclared struct {
	File    string   `json:"file"`
	Columns []string `json:"columns"`
	More    bool     `json:"more,omitempty"` // there are more
}

// maxUndeclared bounds the properties named per file, and maxUndeclaredFiles the files.
const (
	maxUndeclared      = scan.MaxUnknown - 1
	maxUndeclaredFiles = 100
)

// noteUndeclared records properties of a file that the stream does not declare.
func (w *batchWriter) noteUndeclared(file string, names []string) {
	for _, name := range names {
		last := len(w.undeclared) - 1
		if last < 0 || w.undeclared[last].File != file {
			if len(w.undeclared) == maxUndeclaredFiles {
				return
			}
			w.undeclared = append(w.undeclared, Undeclared{File: file})
			last++
		}
		u := &w.undeclared[last]
		switch {
		case slices.Contains(u.Columns, name):
		case len(u.Columns) == maxUndeclared:
			u.More = true
		default:
			u.Columns = append(u.Columns, name)
		}
	}
}
