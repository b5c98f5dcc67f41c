package artifact

import (
	"context"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/object"

	"github.com/zeebo/xxh3"
)

// partSize is where a part ends and the next begins: parts are read by range, so the size only bounds what one
// object store call writes.
const partSize = 64 << 20

// Part describes one immutable file of artifacts.
type Part struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  uint64 `json:"bytes"`
	Digest string `json:"digest"` // XXH3-128 of the file
}

// PartName is where a part of a run lies (rule 5: named by pipeline, generation, run, step, partition).
func PartName(space Space, run uint64, part uint32) string {
	return fmt.Sprintf("%sparts/%08d-%04d", SpacePrefix(space), run, part)
}

// SpacePrefix is the folder of everything that belongs to one generation.
func SpacePrefix(space Space) string {
	return fmt.Sprintf("pipelines/%s/g%04d/", space.Pipeline, space.Generation)
}

// PartWriter writes one run's records, ascending by key, into as many parts as they need.
type PartWriter struct {
	ctx   context.Context
	store object.Store
	space Space
	run   uint64

	parts  []Part
	out    object.Writer
	hash   *xxh3.Hasher
	buffer []byte
}

// NewPartWriter starts a run's parts.
func NewPartWriter(ctx context.Context, store object.Store, space Space, run uint64) *PartWriter {
	return &PartWriter{ctx: ctx, store: store, space: space, run: run, hash: xxh3.New()}
}

// Write adds row i of the columns (the key's, then the record's).
func (w *PartWriter) Write(row []column.Vector, i int) error {
	if w.out == nil {
		name := PartName(w.space, w.run, uint32(len(w.parts)))
		out, err := w.store.Create(w.ctx, name)
		if err != nil {
			return err
		}
		w.out, w.parts = out, append(w.parts, Part{Name: name})
	}
	w.buffer = AppendRecord(w.buffer, row, i)
	w.parts[len(w.parts)-1].Rows++
	if len(w.buffer) >= 1<<20 {
		return w.flush()
	}
	return nil
}

func (w *PartWriter) flush() error {
	part := &w.parts[len(w.parts)-1]
	part.Bytes += uint64(len(w.buffer))
	_, _ = w.hash.Write(w.buffer) // a hash never fails
	if _, err := w.out.Write(w.buffer); err != nil {
		return fmt.Errorf("write %s: %w", part.Name, err)
	}
	w.buffer = w.buffer[:0]
	if part.Bytes >= partSize {
		return w.end()
	}
	return nil
}

func (w *PartWriter) end() error {
	part := &w.parts[len(w.parts)-1]
	if err := w.out.Commit(); err != nil {
		return fmt.Errorf("commit %s: %w", part.Name, err)
	}
	sum := w.hash.Sum128()
	part.Digest = column.Digest{Hi: sum.Hi, Lo: sum.Lo}.String()
	w.hash.Reset()
	w.out = nil
	return nil
}

// Finish makes the last part durable and returns all of them.
func (w *PartWriter) Finish() ([]Part, error) {
	if w.out != nil {
		if err := w.flush(); err != nil {
			return nil, err
		}
	}
	if w.out != nil {
		if err := w.end(); err != nil {
			return nil, err
		}
	}
	return w.parts, nil
}

// Abort leaves no unfinished part behind; safe after Finish.
func (w *PartWriter) Abort() {
	if w.out != nil {
		_ = w.out.Abort() // nothing of it is visible either way
		w.out = nil
	}
}
