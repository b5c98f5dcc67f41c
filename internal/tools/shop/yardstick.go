// The benchmark's declarations, and the yardstick: a DuckDB query with the same folds over the same file.

package shop

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed project/bench/stream.yaml
var benchStream string

//go:embed project/bench/pipeline.yaml
var benchPipeline string

//go:embed project/bench/yardstick.sql
var yardstick string

// BenchStream is the text of streams/payments.yaml, the stream of the benchmark's events.
func BenchStream() string { return benchStream }

// BenchPipeline is the text of pipelines/orders.yaml, which folds the benchmark's events by order.
func BenchPipeline() string { return benchPipeline }

// YardstickSQL is the DuckDB query that makes BenchPipeline's artifacts directly from a file of events, one row per key, in
// no order: order_id, events, shipped, paid, refunded, first_at, last_at, balance.
func YardstickSQL(path string) string {
	return fmt.Sprintf(yardstick, "'"+strings.ReplaceAll(path, "'", "''")+"'")
}
