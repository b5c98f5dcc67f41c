// The second yardstick: SQL for DuckDB that keeps the promises that an intake and a run keep, in a database file.

package shop

import (
	_ "embed"
	"strings"
)

//go:embed project/bench/peer_schema.sql
var peerSchema string

//go:embed project/bench/peer_keys.sql
var peerKeys string

//go:embed project/bench/peer.sql
var peerBatch string

// PeerSchemaSQL makes the tables: ids, quarantine, artifacts.
func PeerSchemaSQL() string { return peerSchema }

// PeerKeysSQL adds primary keys to the ids and the artifacts.
func PeerKeysSQL() string { return peerKeys }

// PeerSQL takes one file of events in: rows that do not fit the stream's schema go to quarantine with the reason, ids that
// came before are set aside (as conflicts if their content is another), and the rest is merged into BenchPipeline's
// artifacts, in one transaction that ends durable. It promises less than the product: no control totals, no history, no line
// numbers, and the events themselves are not kept. sorted orders the new ids.
func PeerSQL(path string, sorted bool) string {
	order := ""
	if sorted {
		order = "ORDER BY event_id"
	}
	return strings.NewReplacer("@file", "'"+strings.ReplaceAll(path, "'", "''")+"'", "@sorted", order).Replace(peerBatch)
}
