// Objects described as they are written.

package object

import (
	"cmp"
	"context"

	"bursar/internal/column"

	"github.com/zeebo/xxh3"
)

// Description is what a catalog remembers of an object.
type Description struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"` // XXH3-128 of the bytes
}

// DescribedWriter counts and digests what goes into an object. Rows are counted by whoever knows them.
type DescribedWriter struct {
	Description
	writer Writer
	hash   *xxh3.Hasher
	failed error // the first failure: encoders in between may not pass it on
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
	d.failed = cmp.Or(d.failed, err)
	return n, err
}

// Commit makes the object visible and durable, and completes its description.
func (d *DescribedWriter) Commit() error {
	if d.failed != nil {
		return d.failed
	}
	d.Digest = sum(d.hash)
	return d.writer.Commit()
}

// Sum is the digest of what was written so far.
func (d *DescribedWriter) Sum() string { return sum(d.hash) }

// Abort leaves nothing of the object; safe after Commit.
func (d *DescribedWriter) Abort() error { return d.writer.Abort() }

func sum(hash *xxh3.Hasher) string {
	s := hash.Sum128()
	return column.Digest{Hi: s.Hi, Lo: s.Lo}.String()
}
