// The yardstick: DuckDB reads the same files and groups them by key, in memory, on two threads.

package bench

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/tools/shop"
)

// yardstickThreads is the number of cores of the machines for which the performance goals are set.
const yardstickThreads = 2

type yardstickResult struct {
	Seconds float64           `json:"seconds"`
	Peak    int64             `json:"peak"`
	Keys    int64             `json:"keys"`
	Sums    map[string]string `json:"sums"`
}

func measureYardstick(ctx context.Context, spec childSpec) (r yardstickResult, err error) {
	session, err := duck.Open(duck.Options{Threads: yardstickThreads, Dirs: []string{spec.Dir}})
	if err != nil {
		return r, err
	}
	defer session.Close()
	began := time.Now()
	if err := session.Exec(ctx, "CREATE TABLE result AS "+shop.YardstickSQL(spec.Files[0])); err != nil {
		return r, fmt.Errorf("run yardstick: %w", err)
	}
	r.Seconds = time.Since(began).Seconds()
	if r.Peak, err = peakMemory(); err != nil {
		return r, err
	}
	r.Keys, r.Sums, err = sumTable(ctx, session, "result")
	return r, err
}

// sumTable counts the rows of a table and adds up its columns.
func sumTable(ctx context.Context, session *duck.Session, table string) (rows int64, sums map[string]string, err error) {
	sql := `SELECT CAST(count(*) AS VARCHAR), CAST(sum(events) AS VARCHAR), CAST(sum(shipped) AS VARCHAR),
		CAST(sum(paid) AS VARCHAR), CAST(sum(refunded) AS VARCHAR) FROM ` + table
	err = session.Query(ctx, sql, func(row []column.Vector) error {
		sums = map[string]string{
			"events": string(row[1].Text(0)), "shipped": string(row[2].Text(0)),
			"paid": string(row[3].Text(0)), "refunded": string(row[4].Text(0)),
		}
		_, err := fmt.Sscan(string(row[0].Text(0)), &rows)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("add %s up: %w", table, err)
	}
	return rows, sums, nil
}
