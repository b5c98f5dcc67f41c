package duck

import (
	"context"
	"fmt"

	"bursar/internal/column"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Query runs a SELECT and hands its rows to each, some thousand at a time, in order. The vectors are only valid
// during the call. Results stream: memory does not grow with their size.
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

func (s *Session) fetch(ctx context.Context, res *duckdb.Result, each func([]column.Vector) error) error {
	types, err := resultTypes(res)
	if err != nil {
		return err
	}
	rows := column.NewVectors(types, int(duckdb.VectorSize()))
	for {
		chunk := duckdb.FetchChunk(*res)
		if chunk.Ptr == nil {
			if message := duckdb.ResultError(res); message != "" {
				return s.failure(ctx, message)
			}
			return nil
		}
		n := int(duckdb.DataChunkGetSize(chunk))
		for i := range rows {
			rows[i].Reset()
			appendVector(&rows[i], duckdb.DataChunkGetVector(chunk, duckdb.IdxT(i)), 0, n)
		}
		duckdb.DestroyDataChunk(&chunk)
		if n == 0 {
			return nil
		}
		if err := each(rows); err != nil {
			return err
		}
	}
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
