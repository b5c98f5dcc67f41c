// Tests of the peers: that they keep the promises they are measured with, and that other results fail the benchmark.

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/tools/shop"
)

// peerEvent is a line of the benchmark's stream.
func peerEvent(id, order, kind, amount, ts string) string {
	return fmt.Sprintf(`{"event_id":%q,"order_id":%q,"type":%q,"amount":%q,"currency":"USD","ts":%q,"channel":"web","note":"n"}`+"\n",
		id, order, kind, amount, ts)
}

const (
	morning = "2025-01-01T08:00:00Z"
	evening = "2025-01-01T20:00:00Z"
)

var peerFiles = []string{
	peerEvent("e1", "o1", "shipment", "10.00", morning) + peerEvent("e2", "o2", "payment", "5.50", evening),
	peerEvent("e1", "o1", "shipment", "10.00", morning) + // as before
		peerEvent("e2", "o2", "payment", "5.51", evening) + // as before with another amount
		peerEvent("e3", "o1", "payment", "10.00", evening) +
		peerEvent("e3", "o1", "payment", "10.00", evening) + // twice
		peerEvent("e4", "o3", "refund", "0.25", morning) +
		peerEvent("e5", "o3", "refund", "1.005", morning) +
		peerEvent("e6", "o3", "refund", "1e1", morning) +
		peerEvent("e7", "o3", "gift", "1.00", morning) +
		peerEvent("e8", "o3", "refund", "1.00", "2025-02-30T00:00:00Z") +
		`{"order_id":"o3"}` + "\n" + "not JSON\n" +
		peerEvent("e9", "o4", "shipment", "1.00", morning) +
		peerEvent("e9", "o5", "shipment", "1.00", morning), // the same id with another order
}

func TestPeerKeepsPromises(t *testing.T) {
	t.Parallel()
	for _, keys := range []bool{false, true} {
		t.Run(fmt.Sprintf("keys=%t", keys), func(t *testing.T) {
			t.Parallel()
			spec := childSpec{Dir: t.TempDir(), Keys: keys}
			spec.Database = filepath.Join(spec.Dir, "it's.db")
			if _, err := makePeerState(t.Context(), spec); err != nil {
				t.Fatal(err)
			}
			if keys {
				if err := addPeerKeys(t.Context(), spec); err != nil {
					t.Fatal(err)
				}
			}
			for i, text := range peerFiles {
				path := filepath.Join(spec.Dir, fmt.Sprintf("batch-%d.jsonl", i))
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				spec.Files = append(spec.Files, path)
			}
			r, err := measurePeer(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			if r.IDs != 5 || r.Quarantined != 8 || r.Artifacts != 4 {
				t.Errorf("the peer made %+v", r)
			}
			checkPeerTables(t, spec)
		})
	}
}

// checkPeerTables opens the database once more: what was measured is in its file.
func checkPeerTables(t *testing.T, spec childSpec) {
	t.Helper()
	session, err := openPeer(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	rejected := texts(t, session, `SELECT reason || ' ' || coalesce(json_extract_string(source, '$.event_id'), '-') AS a FROM quarantine ORDER BY a`)
	want := []string{
		"amount: is not a decimal(18,2) e5", "amount: is not a decimal(18,2) e6", "event_id: conflict e2", "event_id: conflict e9",
		"event_id: is missing -", "event_id: is missing -", "ts: is not a timestamp e8", "type: is not one of shipment, payment, refund e7",
	}
	if !slices.Equal(rejected, want) {
		t.Errorf("in quarantine are\n%s", strings.Join(rejected, "\n"))
	}
	artifacts := texts(t, session, peerLines+" LIMIT 2")
	if want := `{"key":"o1","artifact":{"events":2,"shipped":"10.00","paid":"10.00","refunded":"0.00",` +
		`"first_at":"2025-01-01T08:00:00Z","last_at":"2025-01-01T20:00:00Z","balance":"0.00"}}` + "\n"; artifacts[0] != want {
		t.Errorf("the artifact is\n%s", artifacts[0])
	}
	if !strings.Contains(artifacts[1], `"paid":"5.50"`) {
		t.Errorf("the artifact is\n%s", artifacts[1])
	}
}

func texts(t *testing.T, session *duck.Session, sql string) (all []string) {
	t.Helper()
	err := session.Query(t.Context(), sql, func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			all = append(all, string(rows[0].Text(i)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A peer that comes to other artifacts than the product must not be measured.
func TestCheckPeer(t *testing.T) {
	t.Parallel()
	batch := shop.Totals{Events: 10, Keys: 4, Shipped: 100, Paid: 50, Refunded: 1}
	before := shop.Totals{Events: 5, Keys: 5, Shipped: 7}
	b := &bench{totals: []shop.Totals{batch}, stateTotals: before, fingerprints: map[string]string{}}
	fresh := func() (*peerResult, *productResult) {
		sums := sumTexts(addTotals(before, batch))
		return &peerResult{IDs: 15, Artifacts: 6, Sums: sums, Fingerprint: "f", Digest: "d"},
			&productResult{Artifacts: 6, Sums: sums, Digest: "d"}
	}
	peer, ours := fresh()
	if err := b.checkPeer(PeerKeys, peer, ours); err != nil {
		t.Fatal(err)
	}
	ours.Sums = nil
	if err := b.checkPeer(PeerKeys, peer, ours); err != nil {
		t.Errorf("a second round of equal artifacts: %v", err)
	}
	for name, spoil := range map[string]func(*peerResult, *productResult){
		"ids":         func(p *peerResult, _ *productResult) { p.IDs-- },
		"quarantine":  func(p *peerResult, _ *productResult) { p.Quarantined++ },
		"sums":        func(p *peerResult, _ *productResult) { p.Sums["paid"] = "0.51" },
		"artifacts":   func(p *peerResult, _ *productResult) { p.Artifacts++ },
		"digest":      func(p *peerResult, _ *productResult) { p.Digest = "e" },
		"fingerprint": func(p *peerResult, o *productResult) { p.Fingerprint, o.Sums = "g", nil },
	} {
		peer, ours := fresh()
		spoil(peer, ours)
		if err := b.checkPeer(PeerKeys, peer, ours); err == nil {
			t.Errorf("no error for other %s", name)
		}
	}
}
