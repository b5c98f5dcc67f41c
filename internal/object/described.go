// Descriptions of objects, computed while they are written.

package object

import (
	"cmp"
	"context"

	"bursar/internal/column"

	"github.com/zeebo/xxh3"
)

// Description is the record of an object in the catalog.
type Description struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"` // XXH3-128 of the bytes
}

// DescribedWriter writes an object and computes its size and digest. The caller sets Rows.
type DescribedWriter struct {
	Description
	writer   Writer
	hash     *xxh3.Hasher
	writeErr error // the first error: encoders between caller and writer may not return it
}

// CreateDescribed starts an object in the store.
func CreateDescribed(ctx context.Context, store Store, name string) (*DescribedWriter, error) {
	writer, err := store.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	return &DescribedWriter{writer: writer, hash: xxh3.New(), Description: Description{Name: name}}, nil
}

// Write adds bytes to the object.
func (d *DescribedWriter) Write(b []byte) (int, error) {
	_, _ = d.hash.Write(b) // a hash never fails
	n, err := d.writer.Write(b)
	d.Bytes += int64(n)
	d.writeErr = cmp.Or(d.writeErr, err)
	return n, err
}

// Commit makes the object visible and durable, and completes its description.
func (d *DescribedWriter) Commit() error {
	if d.writeErr != nil {
		return d.writeErr
	}
	d.Digest = sum(d.hash)
	return d.writer.Commit()
}

// Sum returns the digest of the bytes written so far.
func (d *DescribedWriter) Sum() string { return sum(d.hash) }

// Abort discards the object; it is safe after Commit.
func (d *DescribedWriter) Abort() error { return d.writer.Abort() }

func sum(hash *xxh3.Hasher) string {
	s := hash.Sum128()
	return column.Digest{Hi: s.Hi, Lo: s.Lo}.String()
}
