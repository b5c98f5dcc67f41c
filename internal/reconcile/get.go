// Get: one artifact by its key, as of a run, and how keys and artifacts are printed.

package reconcile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/fold"
)

// GetResult is one artifact as of a run.
type GetResult struct {
	Key       json.RawMessage `json:"key"`
	Run       uint64          `json:"run"` // the run that wrote it
	Watermark *time.Time      `json:"watermark"`
	Artifact  json.RawMessage `json:"artifact"`
	History   []Version       `json:"history,omitempty"` // newest first
}

// Version is an artifact after one run.
type Version struct {
	Run      uint64          `json:"run"`
	Artifact json.RawMessage `json:"artifact"`
	events   int64           // folded into it up to this run
}

// Get finds one artifact as of a run, or the current one when asOf is 0. The key is text for one key column, or a JSON array
// of values for several.
func (e *Engine) Get(ctx context.Context, pipeline, key string, asOf uint64, history bool) (GetResult, error) {
	q, err := e.openSnapshot(ctx, pipeline)
	if err != nil {
		return GetResult{}, keyNotFound(err, pipeline, key)
	}
	defer q.release()
	g := &q.generation
	if asOf == 0 || asOf > g.Published {
		asOf = g.Published
	}
	columns, err := parseKey(q.plan, key)
	if err != nil {
		return GetResult{}, failure.Wrap(failure.Data, err)
	}
	versions, err := e.versions(ctx, q, columns, asOf, history)
	if err != nil {
		return GetResult{}, err
	}
	answer := GetResult{Key: keyJSON(columns, 0), Run: versions[0].Run, Watermark: g.Watermark, Artifact: versions[0].Artifact}
	if history {
		answer.History = versions
	}
	return answer, nil
}

// versions returns an artifact as of each run up to asOf, newest first, or only the newest. It returns at least one.
func (e *Engine) versions(ctx context.Context, q *snapshot, key []column.Vector, asOf uint64, all bool) (versions []Version, err error) {
	err = e.Index.History(ctx, q.generation.space(), asOf, artifact.AppendKey(nil, key, 0), func(entry artifact.Entry) error {
		if len(versions) > 0 && !all {
			return failure.ErrStop
		}
		version, err := e.version(ctx, q, entry)
		versions = append(versions, version)
		return err
	})
	if err := failure.UnlessStopped(err); err != nil {
		return nil, fmt.Errorf("get %s from %s: %w", keyJSON(key, 0), q.generation.Pipeline, err)
	}
	if len(versions) == 0 {
		return nil, &NotFoundError{What: fmt.Sprintf("key %s in %s", keyJSON(key, 0), q.generation.Pipeline)}
	}
	return versions, nil
}

// FindRun reads one run in its current state.
func (e *Engine) FindRun(ctx context.Context, ref RunRef) (Run, error) { return e.run(ctx, ref) }

func (e *Engine) version(ctx context.Context, q *snapshot, entry artifact.Entry) (Version, error) {
	record, err := e.partCache.Record(ctx, e.Objects, q.generation.space(), entry)
	if err != nil {
		return Version{}, unreadable(q.generation.Pipeline, err)
	}
	row := newRow(q.plan)
	if err := decode(record, row, 0, entry); err != nil {
		return Version{}, unreadable(q.generation.Pipeline, err)
	}
	return Version{entry.Run, q.printer.artifact(nil, row, 0), row[len(q.plan.Key)].Ints[0]}, nil
}

// newRow returns empty columns for a record: those of the key, then those of the record.
func newRow(plan *fold.Plan) []column.Vector {
	return column.NewVectors(typesOf(recordFields(plan)), 0)
}

func recordFields(plan *fold.Plan) []column.Field {
	return append(append([]column.Field{}, plan.Key...), plan.RecordFields()...)
}

func resetRow(row []column.Vector) {
	for i := range row {
		row[i].Reset()
	}
}

// printer prints artifacts: all declared columns in declared order, without hidden state.
type printer struct {
	width   int
	names   [][]byte // "name":
	columns []int    // position of each declared column in a record
	items   [][]int
}

func newPrinter(plan *fold.Plan) *printer {
	p := &printer{width: len(plan.Key)}
	for _, f := range plan.Pipeline.Artifact {
		for i, c := range plan.Record {
			if c.Name == f.Name {
				p.names = append(p.names, append(column.QuoteJSON(f.Name), ':'))
				p.columns = append(p.columns, len(plan.Key)+i)
				p.items = append(p.items, c.Items)
			}
		}
	}
	return p
}

func (p *printer) artifact(dst []byte, row []column.Vector, i int) []byte {
	dst = append(dst, '{')
	for c, at := range p.columns {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, p.names[c]...)
		if p.items[c] != nil {
			dst = row[at].AppendItemsJSON(dst, i, p.items[c])
			continue
		}
		dst = row[at].AppendJSON(dst, i)
	}
	return append(dst, '}')
}

// line appends {"key":…,"artifact":{…}} and a line end.
func (p *printer) line(dst []byte, row []column.Vector, i int) []byte {
	dst = append(dst, `{"key":`...)
	dst = appendKeyJSON(dst, row[:p.width], i)
	dst = append(dst, `,"artifact":`...)
	dst = p.artifact(dst, row, i)
	return append(dst, '}', '\n')
}

// keyJSON prints a key as a JSON value, a composite key as an array.
func keyJSON(key []column.Vector, i int) json.RawMessage { return appendKeyJSON(nil, key, i) }

func appendKeyJSON(dst []byte, key []column.Vector, i int) []byte {
	if len(key) == 1 {
		return key[0].AppendJSON(dst, i)
	}
	dst = append(dst, '[')
	for c := range key {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = key[c].AppendJSON(dst, i)
	}
	return append(dst, ']')
}

// parseKey parses a key as it is printed. The text of a single key column may be given without quotes.
func parseKey(plan *fold.Plan, text string) ([]column.Vector, error) {
	values := []string{text}
	if len(plan.Key) > 1 || json.Valid([]byte(text)) && bytes.HasPrefix([]byte(text), []byte(`"`)) {
		var parsed any
		decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
		decoder.UseNumber()
		if err := decoder.Decode(&parsed); err != nil {
			return nil, keyError(plan, text)
		}
		list, ok := parsed.([]any)
		if !ok {
			list = []any{parsed}
		}
		values = values[:0]
		for _, v := range list {
			values = append(values, fmt.Sprint(v))
		}
	}
	if len(values) != len(plan.Key) {
		return nil, keyError(plan, text)
	}
	key := column.NewVectors(typesOf(plan.Key), 1)
	for i, v := range values {
		if err := parseValue(&key[i], v); err != nil {
			return nil, fmt.Errorf("key column %s: %w", plan.Key[i].Name, err)
		}
	}
	return key, nil
}

func keyError(plan *fold.Plan, text string) error {
	return fmt.Errorf("key %q is not a JSON array of the %d values %s", text, len(plan.Key), fold.Names(plan.Key))
}
