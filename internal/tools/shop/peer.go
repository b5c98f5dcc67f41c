// The peer: SQL for DuckDB that gives the guarantees of an intake and a run, in a database file.

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

// PeerSQL ingests one file of events in one durable transaction: rows that do not fit the stream's schema go to quarantine
// with the reason, known ids are set aside (as conflicts if their content differs), and the rest is merged into
// BenchPipeline's artifacts. It guarantees less than the product: it has no control totals, no history and no line numbers,
// and does not keep the events. sorted orders the new ids.
func PeerSQL(path string, sorted bool) string {
	order := ""
	if sorted {
		order = "ORDER BY event_id"
	}
	return strings.NewReplacer("@file", "'"+strings.ReplaceAll(path, "'", "''")+"'", "@sorted", order).Replace(peerBatch)
}
