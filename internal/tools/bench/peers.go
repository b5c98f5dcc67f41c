// The peers that give the product's guarantees: DuckDB on a database file. Their state is prepared and copied like the
// product's, and they must make the same artifacts.

package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

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

// reportPeers computes medians over the rounds, and the ratio of medians.
func (b *bench) reportPeers(rounds []Round, oursSeconds float64) map[string]PeerFigures {
	peers := map[string]PeerFigures{}
	for _, name := range b.Peers {
		f := PeerFigures{
			Seconds: median(rounds, func(r *Round) float64 { return r.Peers[name].Seconds }),
			Written: median(rounds, func(r *Round) int64 { return r.Peers[name].Written }),
		}
		for i := range rounds {
			f.PeakMemory = max(f.PeakMemory, rounds[i].Peers[name].PeakMemory)
		}
		f.Ratio = oursSeconds / f.Seconds
		peers[name] = f
	}
	return peers
}
