// Get: one artifact by its key, as of a run, and how keys and artifacts are printed.

package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/failure"
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
func (e *Reader) versions(ctx context.Context, q *snapshot, key []column.Vector, asOf uint64, all bool) (versions []Version, err error) {
	err = e.Index.History(ctx, q.generation.space(), asOf, artifact.AppendKey(nil, key, 0), func(entry artifact.Entry) error {
		if len(versions) > 0 && !all {
			return errStop
		}
		version, err := e.version(ctx, q, entry)
		versions = append(versions, version)
		return err
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, fmt.Errorf("get %s from %s: %w", keyJSON(key, 0), q.generation.Pipeline, err)
	}
	if len(versions) == 0 {
		return nil, &NotFoundError{What: fmt.Sprintf("key %s in %s", keyJSON(key, 0), q.generation.Pipeline)}
	}
	return versions, nil
}

func (e *Reader) version(ctx context.Context, q *snapshot, entry artifact.Entry) (Version, error) {
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

// errStop ends an iteration early.
var errStop = errors.New("stop iteration")
