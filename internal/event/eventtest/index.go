// The dedupe index and live intake of a test's stream.

package eventtest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"

	"github.com/zeebo/xxh3"
)

// Index reads the stream's index state.
func (h *Harness) Index() (state IndexState) {
	h.T.Helper()
	err := h.Store.Catalog.View(h.T.Context(), func(tx catalog.Tx) error {
		_, err := tx.Get("stream/sales", &state)
		return err
	})
	h.must(err)
	return state
}

// PutIndex writes the stream's index state.
func (h *Harness) PutIndex(state IndexState) {
	h.T.Helper()
	h.must(h.Store.Catalog.Update(h.T.Context(), func(tx catalog.Tx) error { return tx.Put("stream/sales", state) }))
}

// VerifyIndex verifies the dedupe index.
func (h *Harness) VerifyIndex() error { return ids.Verify(h.T.Context(), h.Store, h.Stream) }

// RebuildIndex rebuilds the dedupe index and verifies it.
func (h *Harness) RebuildIndex() {
	h.T.Helper()
	h.must(ids.Rebuild(h.T.Context(), h.Store, h.Stream))
	h.must(h.VerifyIndex())
}

// MakeOlder turns the stream's index into one of the version before keys and checksums of pages. Without a batch it becomes
// one of a single table without entries, so that the batches to come have no key.
func (h *Harness) MakeOlder() {
	h.T.Helper()
	state := h.Index()
	if len(state.DedupeTables) == 0 {
		state.Columns = json.RawMessage("[]")
		state.DedupeTables = []dedupe.TableInfo{{Name: "streams/sales/memory/00000000", Digest: "new"}}
		end := make([]byte, 56)
		h.File("objects/"+state.DedupeTables[0].Name, string(make([]byte, 8))+string(end))
	}
	for i, table := range state.DedupeTables {
		if table.Digest == "" {
			continue
		}
		b, err := os.ReadFile(h.Object(table.Name))
		h.must(err)
		end := b[len(b)-56:]
		body := b[:table.Entries*33+4*(1<<binary.LittleEndian.Uint32(end[8:])+1)]
		binary.LittleEndian.PutUint32(end[12:], 1)
		binary.LittleEndian.PutUint64(end[32:], xxh3.Hash(body))
		binary.LittleEndian.PutUint64(end[40:], xxh3.Hash(end[:40]))
		copy(end[48:], "BURSMEM\x01")
		h.File("objects/"+table.Name, string(body)+string(end))
		table.Digest, table.Bytes = "", 0
		state.DedupeTables[i] = table
	}
	state.Identity = ""
	h.PutIndex(state)
}

// IndexState is what the catalog has of a dedupe index.
type IndexState struct {
	Batches      uint64             `json:"batches"`
	Files        uint64             `json:"files"`
	Merges       uint64             `json:"merges"`
	Columns      json.RawMessage    `json:"columns"`
	DedupeTables []dedupe.TableInfo `json:"memory"`
	Identity     string             `json:"identity,omitempty"`
}

// StartLive opens live intake of the stream, which seals nothing by itself, and closes it with the test.
func (h *Harness) StartLive(o live.Options) *live.Intake {
	h.T.Helper()
	l, err := h.OpenLive(o)
	h.must(err)
	h.T.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			h.T.Error(err)
		}
	})
	return l
}

// OpenLive opens live intake that seals after an hour unless o says otherwise.
func (h *Harness) OpenLive(o live.Options) (*live.Intake, error) {
	if o.Spool == "" {
		o.Spool = h.Spool()
	}
	if o.Window == 0 {
		o.Window = time.Hour
	}
	return live.Open(h.T.Context(), h.Store, h.Stream, o)
}

// Spool returns the folder of the stream's spools.
func (h *Harness) Spool() string { return filepath.Join(h.Dir, "spool", "sales") }

// Accept sends a request and expects "rows accepted duplicates quarantined", and "again" for a repeated answer.
func (h *Harness) Accept(l *live.Intake, key, body, want string) answers.Answer {
	h.T.Helper()
	a, err := l.Accept(h.T.Context(), live.Request{Key: key, Body: []byte(body)})
	h.must(err)
	got := fmt.Sprint(a.Rows, a.Accepted, a.Duplicates, a.Quarantined)
	if a.Repeated {
		got += " again"
	}
	if got != want {
		h.T.Errorf("rows, accepted, duplicates, quarantined are %q, want %q", got, want)
	}
	return a
}

// Seal seals the open batch.
func (h *Harness) Seal(l *live.Intake) {
	h.T.Helper()
	h.must(l.Seal(h.T.Context()))
}

// ExpectBatches expects all batches as "batch: rows accepted duplicates quarantined".
func (h *Harness) ExpectBatches(want ...string) {
	h.T.Helper()
	var got []string
	for _, b := range h.Batches() {
		got = append(got, fmt.Sprintf("%d: %d %d %d %d", b.Batch, b.Rows, b.Accepted, b.Duplicates, b.Quarantined))
	}
	if !reflect.DeepEqual(got, want) {
		h.T.Errorf("batches are %q, want %q", got, want)
	}
}
