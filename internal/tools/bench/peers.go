// The peers that give the product's guarantees: DuckDB on a database file. Their state is prepared and copied like the
// product's, and they must make the same artifacts.

package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/tools/shop"
)

// The peers of the benchmark reconcile.
const (
	PeerDuckDB = "duckdb"      // without keys: only the script ensures that ids are unique
	PeerKeys   = "duckdb-keys" // with primary keys on the ids and the artifacts
)

// PeerNames are all peers, in the order in which they are measured.
func PeerNames() []string { return []string{PeerDuckDB, PeerKeys} }

// PeerFigures are the figures of one peer.
type PeerFigures struct {
	Ratio      float64 `json:"ratio"` // ours / peer
	Seconds    float64 `json:"seconds"`
	PeakMemory int64   `json:"peak_memory_bytes"`
	Written    int64   `json:"written_bytes"` // while the clock ran
}

// peerFile returns the path of a peer's database with the prepared state.
func (b *bench) peerFile(name string) string { return filepath.Join(b.dir, name+".db") }

// preparePeers makes databases with the same state as the product's. Keys are added to a copy of the database without keys.
func (b *bench) preparePeers(ctx context.Context) error {
	if len(b.Peers) == 0 {
		return nil
	}
	began := time.Now()
	spec := childSpec{Kind: kindPeerState, Dir: b.dir, Database: b.peerFile(PeerDuckDB), State: b.State}
	var state shop.Totals
	if err := b.runChild(ctx, spec, &state); err != nil {
		return err
	}
	if state != b.stateTotals {
		return fmt.Errorf("the totals of the peers' state are %+v, but ours are %+v", state, b.stateTotals)
	}
	if slices.Contains(b.Peers, PeerKeys) {
		if err := copyFile(b.peerFile(PeerDuckDB), b.peerFile(PeerKeys)); err != nil {
			return fmt.Errorf("copy peer's state: %w", err)
		}
		if err := b.runChild(ctx, childSpec{Kind: kindPeerKeys, Dir: b.dir, Database: b.peerFile(PeerKeys), Keys: true}, &struct{}{}); err != nil {
			return err
		}
	}
	b.logf("prepared the same state for %d peers in %.1f s", len(b.Peers), time.Since(began).Seconds())
	return nil
}

// peerRound measures one peer on a copy of its state, and compares its artifacts with the product's in the same round.
func (b *bench) peerRound(ctx context.Context, name string, ours *productResult) (f PeerFigures, err error) {
	database := filepath.Join(b.dir, "peer-round.db")
	if err := copyFile(b.peerFile(name), database); err != nil {
		return f, fmt.Errorf("copy peer's state: %w", err)
	}
	var r peerResult
	spec := childSpec{
		Kind: kindPeer, Dir: b.dir, Database: database, Files: b.files, Keys: name == PeerKeys, Sum: ours.Sums != nil,
	}
	if err := b.runChild(ctx, spec, &r); err != nil {
		return f, err
	}
	if err := os.Remove(database); err != nil {
		return f, fmt.Errorf("remove peer's database: %w", err)
	}
	if err := b.checkPeer(name, &r, ours); err != nil {
		return f, err
	}
	r.Ratio = ours.OursSeconds / r.Seconds
	return r.PeerFigures, nil
}

// checkPeer compares the tables of a peer with the generated totals and with the product's artifacts. In the round that
// exports the product's artifacts, their digests must be equal. In other rounds, which have equal events and equal state,
// the peer's artifacts must equal those of that round.
func (b *bench) checkPeer(name string, r *peerResult, ours *productResult) error {
	want := addTotals(append(slices.Clone(b.totals), b.stateTotals)...)
	if r.IDs != want.Events || r.Quarantined != 0 {
		return fmt.Errorf("%s has %d ids and %d rows in quarantine for %d valid, new events", name, r.IDs, r.Quarantined, want.Events)
	}
	if err := compareSums(name+"'s artifacts", r.Sums, sumTexts(want)); err != nil {
		return err
	}
	if ours.Sums == nil {
		if r.Fingerprint != b.fingerprints[name] {
			return fmt.Errorf("%s made different artifacts than in the first round", name)
		}
		return nil
	}
	if r.Artifacts != ours.Artifacts || r.Digest != ours.Digest {
		return fmt.Errorf("%s made %d artifacts with digest %s, but ours are %d with %s", name, r.Artifacts, r.Digest, ours.Artifacts, ours.Digest)
	}
	b.fingerprints[name] = r.Fingerprint
	return nil
}

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
	if err := session.Exec(ctx, shop.PeerSchemaSQL); err != nil {
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
	if err := session.Exec(ctx, shop.PeerKeysSQL); err != nil {
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
