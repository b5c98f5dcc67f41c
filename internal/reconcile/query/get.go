// Get: one artifact by its key, as of a run.

package query

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/failure"
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
func (e *Reader) Get(ctx context.Context, pipeline, key string, asOf uint64, history bool) (GetResult, error) {
	q, err := e.openSnapshot(ctx, pipeline)
	if err != nil {
		return GetResult{}, keyNotFound(err, pipeline, key)
	}
	defer q.Release()
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
