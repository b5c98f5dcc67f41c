// The dedupe index of a test's stream.

package eventtest

import (
	"encoding/binary"
	"encoding/json"
	"os"

	"github.com/zeebo/xxh3"

	"bursar/internal/catalog"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
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
