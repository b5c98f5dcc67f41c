// Queries: running a SELECT and reading its rows.

package duck

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"bursar/internal/column"
	"bursar/internal/failure"

	duckdb "github.com/duckdb/duckdb-go-bindings"
	"golang.org/x/sync/errgroup"
)

// maxUnstreamedRows is the largest estimated result that is computed completely before it is read.
const maxUnstreamedRows = 1 << 16

// Query runs a SELECT and calls each with its rows, some thousand at a time, in order. The vectors are only
// valid during the call. Results are streamed: memory does not grow with their size.
func (s *Session) Query(ctx context.Context, sql string, each func(rows []column.Vector) error) error {
	defer s.interruptOn(ctx)()
	var stmt duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&stmt)
	if duckdb.Prepare(s.conn, sql, &stmt) != duckdb.StateSuccess {
		return s.failure(ctx, duckdb.PrepareError(stmt))
	}
	var pending duckdb.PendingResult
	defer duckdb.DestroyPending(&pending)
	if duckdb.PendingPreparedStreaming(stmt, &pending) != duckdb.StateSuccess {
		return s.failure(ctx, duckdb.PendingError(pending))
	}
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.ExecutePending(pending, &res) != duckdb.StateSuccess {
		return s.failure(ctx, duckdb.ResultError(&res))
	}
	return s.fetch(ctx, &res, each)
}

// QueryEstimated is Query with an estimate of the number of rows. A small result is not streamed: DuckDB binds a streaming statement over
// files twice, which takes longer than reading a few rows.
func (s *Session) QueryEstimated(ctx context.Context, rows int64, sql string, each func(rows []column.Vector) error) error {
	if rows > maxUnstreamedRows {
		return s.Query(ctx, sql, each)
	}
	defer s.interruptOn(ctx)()
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.Query(s.conn, sql, &res) != duckdb.StateSuccess {
		return s.failure(ctx, duckdb.ResultError(&res))
	}
	return s.fetch(ctx, &res, each)
}

// Rows are passed on when there are so many, or so many bytes of text in a column. DuckDB returns 2048 at a time.
const (
	batchRows  = 1 << 13
	batchBytes = 1 << 26
)

// maxTextBytes is how many bytes the texts of a column have room for.
const maxTextBytes = math.MaxUint32

// fetch passes rows on, in this goroutine, while DuckDB computes the next ones: two sets of vectors alternate.
func (s *Session) fetch(ctx context.Context, res *duckdb.Result, each func([]column.Vector) error) error {
	types, err := resultTypes(res)
	if err != nil {
		return err
	}
	full, free := make(chan []column.Vector, 1), make(chan []column.Vector, 2)
	free <- column.NewVectors(types, 0)
	free <- column.NewVectors(types, 0)
	ctx, cancel := context.WithCancel(ctx)
	var group errgroup.Group
	defer func() { // also after a panic of each: the result must not be destroyed while it is read
		cancel()
		_ = group.Wait() // its error is returned below
	}()
	group.Go(func() error {
		defer close(full)
		for {
			var rows []column.Vector
			select {
			case rows = <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
			more, err := s.fill(ctx, res, rows)
			if err != nil {
				return err
			}
			if rows[0].Len() > 0 {
				full <- rows // never blocks: the channel has room for one set, and the receiver has the other
			}
			if !more {
				return nil
			}
		}
	})
	for rows := range full {
		if err == nil {
			if err = each(rows); err != nil {
				cancel()
			}
		}
		free <- rows
	}
	cancel()
	return cmp.Or(err, group.Wait())
}

// fill replaces rows by the next ones of the result; more is false at the end.
func (s *Session) fill(ctx context.Context, res *duckdb.Result, rows []column.Vector) (more bool, err error) {
	for i := range rows {
		rows[i].Reset()
	}
	for rows[0].Len() < batchRows && !hasBytes(rows, batchBytes) {
		chunk := duckdb.FetchChunk(*res)
		if chunk.Ptr == nil {
			if message := duckdb.ResultError(res); message != "" {
				return false, s.failure(ctx, message)
			}
			return false, nil
		}
		n := int(duckdb.DataChunkGetSize(chunk))
		for i := range rows {
			appendVector(&rows[i], duckdb.DataChunkGetVector(chunk, duckdb.IdxT(i)), 0, n)
		}
		duckdb.DestroyDataChunk(&chunk)
		if hasBytes(rows, maxTextBytes+1) {
			return false, failure.Wrap(failure.Data, fmt.Errorf("the values of a column are too long: %d rows have more than %d bytes", n, int64(maxTextBytes)))
		}
		if n == 0 {
			return false, nil
		}
	}
	return true, nil
}

// hasBytes reports whether the texts of a column have at least so many bytes.
func hasBytes(rows []column.Vector, least int) bool {
	return slices.ContainsFunc(rows, func(v column.Vector) bool { return len(v.Bytes) >= least })
}

func resultTypes(res *duckdb.Result) ([]column.Type, error) {
	types := make([]column.Type, duckdb.ColumnCount(res))
	for i := range types {
		logical := duckdb.ColumnLogicalType(res, duckdb.IdxT(i))
		t, err := typeOf(logical)
		duckdb.DestroyLogicalType(&logical)
		if err != nil {
			return nil, fmt.Errorf("read column %s: %w", duckdb.ColumnName(res, duckdb.IdxT(i)), err)
		}
		types[i] = t
	}
	return types, nil
}
