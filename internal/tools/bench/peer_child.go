// Child processes of a peer on DuckDB: prepare its state, add its keys, and measure its script.

package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/tools/shop"
)

// peerMemoryLimit is the default of `memory:` in bursar.yaml.
const peerMemoryLimit = "1GB"

// peerResult is the measurement of a peer, and the content of its tables afterwards.
type peerResult struct {
	PeerFigures // without the ratio

	IDs         int64             `json:"ids"`
	Quarantined int64             `json:"quarantined"`
	Artifacts   int64             `json:"artifacts"`
	Sums        map[string]string `json:"sums"`
	Fingerprint string            `json:"fingerprint"`      // of all artifacts, independent of order
	Digest      string            `json:"digest,omitempty"` // of the artifacts in the format of the product's export
}

// openPeer opens the database with the threads and memory of the product. With primary keys it has DuckDB's default, most of
// the machine's memory: at ten million ids the trees of the keys, which DuckDB cannot spill, do not fit into less.
func openPeer(spec childSpec) (*duck.Session, error) {
	limit := peerMemoryLimit
	if spec.Keys {
		limit = ""
	}
	return duck.Open(duck.Options{
		Memory: limit, Threads: runtime.GOMAXPROCS(0), Unordered: true,
		File: spec.Database, Scratch: spec.Database + ".tmp", Dirs: []string{spec.Dir},
	})
}

// makePeerState ingests the events of the product's state with the script that is measured.
func makePeerState(ctx context.Context, spec childSpec) (sum shop.Totals, err error) {
	session, err := openPeer(spec)
	if err != nil {
		return sum, err
	}
	defer session.Close()
	if err := session.Exec(ctx, shop.PeerSchemaSQL()); err != nil {
		return sum, fmt.Errorf("make peer's tables: %w", err)
	}
	sum, err = spec.writeState(func(path string, _ int) error { return session.Exec(ctx, shop.PeerSQL(path, false)) })
	if err != nil {
		return sum, fmt.Errorf("make peer's state: %w", err)
	}
	return sum, nil
}

func addPeerKeys(ctx context.Context, spec childSpec) error {
	session, err := openPeer(spec)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.Exec(ctx, shop.PeerKeysSQL()); err != nil {
		return fmt.Errorf("add peer's keys: %w", err)
	}
	return nil
}

// measurePeer ingests the files, one after another, with the database already open.
func measurePeer(ctx context.Context, spec childSpec) (r peerResult, err error) {
	session, err := openPeer(spec)
	if err != nil {
		return r, err
	}
	defer session.Close()
	for _, file := range spec.Files {
		seconds, written, err := measure(func() error { return session.Exec(ctx, shop.PeerSQL(file, spec.Keys)) })
		if err != nil {
			return r, fmt.Errorf("run peer: %w", err)
		}
		r.Seconds += seconds
		r.Written += written
	}
	if r.PeakMemory, err = peakMemory(); err != nil {
		return r, err
	}
	err = r.collect(ctx, session)
	if err == nil && spec.Sum {
		r.Digest, err = exportDigest(ctx, session)
	}
	return r, err
}

// collect reads counts and sums of the peer's tables.
func (r *peerResult) collect(ctx context.Context, session *duck.Session) (err error) {
	if r.Artifacts, r.Sums, err = sumTable(ctx, session, "artifacts"); err != nil {
		return err
	}
	sql := `SELECT (SELECT count(*) FROM ids), (SELECT count(*) FROM quarantine),
		(SELECT CAST(bit_xor(hash(a)) AS VARCHAR) FROM artifacts AS a)`
	err = session.Query(ctx, sql, func(row []column.Vector) error {
		r.IDs, r.Quarantined, r.Fingerprint = row[0].Ints[0], row[1].Ints[0], string(row[2].Text(0))
		return nil
	})
	if err != nil {
		return fmt.Errorf("read peer's tables: %w", err)
	}
	return nil
}

// peerLines selects the artifacts in the format of the product's export.
const peerLines = `
SELECT '{"key":"' || order_id || '","artifact":{"events":' || events ||
       ',"shipped":"' || shipped || '","paid":"' || paid || '","refunded":"' || refunded ||
       '","first_at":"' || strftime(first_at, '%Y-%m-%dT%H:%M:%SZ') || '","last_at":"' || strftime(last_at, '%Y-%m-%dT%H:%M:%SZ') ||
       '","balance":"' || balance || '"}}' || chr(10)
FROM artifacts ORDER BY order_id`

// exportDigest returns the digest that an export of the product would have for equal artifacts.
func exportDigest(ctx context.Context, session *duck.Session) (string, error) {
	hash := sha256.New()
	err := session.Query(ctx, peerLines, func(lines []column.Vector) error {
		for i := range lines[0].Len() {
			hash.Write(lines[0].Text(i))
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read peer's artifacts: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
