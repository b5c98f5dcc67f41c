// The benchmark's declarations, and the DuckDB scripts of the yardstick and the peer.

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

//go:embed project/bench/peer_schema.sql
var peerSchema string

//go:embed project/bench/peer_keys.sql
var peerKeys string

//go:embed project/bench/peer.sql
var peerBatch string

// BenchStream is the text of streams/payments.yaml, the stream of the benchmark's events.
func BenchStream() string { return benchStream }

// BenchPipeline is the text of pipelines/orders.yaml, which folds the benchmark's events by order.
func BenchPipeline() string { return benchPipeline }

// YardstickSQL is the DuckDB query that makes BenchPipeline's artifacts directly from a file of events, one row per key, in
// no order: order_id, events, shipped, paid, refunded, first_at, last_at, balance.
func YardstickSQL(path string) string {
	return fmt.Sprintf(yardstick, quoteSQL(path))
}

// PeerSchemaSQL makes the tables: ids, quarantine, artifacts.
func PeerSchemaSQL() string { return peerSchema }

// PeerKeysSQL adds primary keys to the ids and the artifacts.
func PeerKeysSQL() string { return peerKeys }

// PeerSQL ingests one file of events in one durable transaction: rows that do not fit the stream's schema go to quarantine
// with the reason, known ids are set aside (as conflicts if their content differs), and the rest is merged into
// BenchPipeline's artifacts. It guarantees less than the product: it has no control totals, no history and no line numbers,
// and does not keep the events. sorted orders the new ids.
func PeerSQL(path string, sorted bool) string {
	order := ""
	if sorted {
		order = "ORDER BY event_id"
	}
	return strings.NewReplacer("@file", quoteSQL(path), "@sorted", order).Replace(peerBatch)
}

func quoteSQL(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
