// Get: one artifact by its key, as of a run, and how keys are parsed.

package query

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
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
func (e *Reader) Get(ctx context.Context, pipeline, key string, asOf uint64, history bool) (answer GetResult, err error) {
	err = e.read(ctx, pipeline, e.openSnapshot, func(q *Snapshot, _ *bool) (err error) {
		answer, err = e.get(ctx, q, key, asOf, history)
		return err
	})
	return answer, keyNotFound(err, pipeline, key)
}

func (e *Reader) get(ctx context.Context, q *Snapshot, key string, asOf uint64, history bool) (GetResult, error) {
	g := &q.Generation
	if asOf == 0 || asOf > g.Published {
		asOf = g.Published
	}
	columns, err := parseKey(q.Plan, key)
	if err != nil {
		return GetResult{}, failure.Wrap(failure.Data, err)
	}
	versions, err := e.versions(ctx, q, columns, asOf, history)
	if err != nil {
		return GetResult{}, err
	}
	answer := GetResult{Key: reconcile.KeyJSON(columns, 0), Run: versions[0].Run, Watermark: g.Watermark, Artifact: versions[0].Artifact}
	if history {
		answer.History = versions
	}
	return answer, nil
}

// versions returns an artifact as of each run up to asOf, newest first, or only the newest. It returns at least one.
func (e *Reader) versions(ctx context.Context, q *Snapshot, key []column.Vector, asOf uint64, all bool) (versions []Version, err error) {
	err = e.Index.History(ctx, q.Generation.Space(), asOf, artifact.AppendKey(nil, key, 0), func(entry artifact.Entry) error {
		if len(versions) > 0 && !all {
			return failure.ErrStop
		}
		version, err := e.version(ctx, q, entry)
		versions = append(versions, version)
		return err
	})
	if err := failure.UnlessStopped(err); err != nil {
		return nil, fmt.Errorf("get %s from %s: %w", reconcile.KeyJSON(key, 0), q.Generation.Pipeline, err)
	}
	if len(versions) == 0 {
		return nil, &reconcile.NotFoundError{What: fmt.Sprintf("key %s in %s", reconcile.KeyJSON(key, 0), q.Generation.Pipeline)}
	}
	return versions, nil
}

func (e *Reader) version(ctx context.Context, q *Snapshot, entry artifact.Entry) (Version, error) {
	record, err := e.partCache.Record(ctx, e.Objects, q.Generation.Space(), entry)
	if err != nil {
		return Version{}, reconcile.Unreadable(q.Generation.Pipeline, err)
	}
	row := reconcile.NewRow(q.Plan)
	if err := reconcile.DecodeRecord(record, row, 0, entry); err != nil {
		return Version{}, reconcile.Unreadable(q.Generation.Pipeline, err)
	}
	return Version{entry.Run, q.printer.Artifact(nil, row, 0), row[len(q.Plan.Key)].Ints[0]}, nil
}

// keyForms says how key values are written that have several notations elsewhere.
var keyForms = map[column.Kind]string{
	column.Bool:      ": write true or false",
	column.Date:      ": write it as 2025-03-31",
	column.Timestamp: ": write it as 2025-03-31T14:30:00Z",
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
	key := column.NewVectors(column.Types(plan.Key), 1)
	for i, v := range values {
		if err := ParseValue(&key[i], v); err != nil {
			return nil, fmt.Errorf("key column %s: %w", plan.Key[i].Name, err)
		}
	}
	return key, nil
}

func keyError(plan *fold.Plan, text string) error {
	return fmt.Errorf("key %q is not a JSON array of the %d values %s", text, len(plan.Key), fold.Names(plan.Key))
}

// ParseValue parses a value as it is printed and appends it to v, which is not a list.
func ParseValue(v *column.Vector, text string) error {
	invalid := fmt.Errorf("%q is not a valid %s%s", text, v.Type, keyForms[v.Type.Kind])
	switch v.Type.Kind {
	case column.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return invalid
		}
		if v.AppendInt(0); b {
			v.Ints[v.Len()-1] = 1
		}
	case column.Int, column.BigInt:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return invalid
		}
		v.AppendInt(n)
	case column.Decimal:
		n, scale, ok := decimal.Parse(decimal.Rescale(text, v.Type.Scale))
		if !ok || scale > v.Type.Scale || v.AppendUnscaled(n) != nil {
			return invalid
		}
	case column.Date:
		t, err := time.Parse("2006-01-02", text)
		if err != nil {
			return invalid
		}
		v.AppendInt(t.Unix() / 86400)
	case column.Timestamp:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return invalid
		}
		v.AppendInt(t.UnixMicro())
	default:
		v.AppendText([]byte(text))
	}
	return nil
}
