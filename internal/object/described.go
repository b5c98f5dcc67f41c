// Descriptions of objects, computed while they are written, and checked before the content is trusted.

package object

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"bursar/internal/column"
	"bursar/internal/failure"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
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
	kept     *keptCopy // nil: none
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
	d.kept.write(b[:n])
	d.Bytes += int64(n)
	d.writeErr = cmp.Or(d.writeErr, err)
	return n, err
}

// Commit makes the object visible and durable, and completes its description.
func (d *DescribedWriter) Commit() error {
	defer d.kept.discard() // a no-op if it is kept
	if d.writeErr != nil {
		return d.writeErr
	}
	d.Digest = sum(d.hash)
	if err := d.writer.Commit(); err != nil {
		return err
	}
	d.kept.keep(d.Description)
	return nil
}

// Sum returns the digest of the bytes written so far.
func (d *DescribedWriter) Sum() string { return sum(d.hash) }

// Abort discards the object; it is safe after Commit.
func (d *DescribedWriter) Abort() error {
	d.kept.discard()
	return d.writer.Abort()
}

func sum(hash *xxh3.Hasher) string {
	s := hash.Sum128()
	return column.Digest{Hi: s.Hi, Lo: s.Lo}.String()
}

// ErrDamaged is returned, wrapped, by checks of an object whose bytes are not those that were written. Its class is Data.
var ErrDamaged = failure.Wrap(failure.Data, errors.New("damaged"))

// IsDamage reports whether an error means that an object is damaged or missing.
func IsDamage(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) }

// ErrSize returns the error of an object that has another size than the one it was written with.
func ErrSize(name string, size, want int64) error {
	return fmt.Errorf("open object %s: %w: %d bytes, not %d", name, ErrDamaged, size, want)
}

// storeError is implemented by errors of a store that refuses a request, whatever the object: for credentials that have expired, say.
type storeError interface {
	error
	IsOfStore() bool
}

// IsUnavailable reports whether an error says nothing about an object: it cannot be read now, because of the network, the store or this
// machine.
func IsUnavailable(err error) bool {
	if err == nil || IsDamage(err) {
		return false
	}
	var refused storeError
	return failure.Of(err).Retryable() || errors.As(err, &refused) && refused.IsOfStore()
}

// Check reads a whole object and compares it with its description. It returns ErrDamaged if they differ and fs.ErrNotExist if
// the object is missing, both wrapped.
func (d Description) Check(ctx context.Context, store Store) error {
	if cached, ok := store.(*Cached); ok {
		return cached.check(ctx, d)
	}
	in, err := store.OpenSized(ctx, d.Name, d.Bytes)
	if err != nil {
		return err
	}
	defer in.Close()
	hash := xxh3.New()
	if _, err := io.CopyBuffer(hash, io.NewSectionReader(in, 0, in.Size()), make([]byte, checkBuffer)); err != nil {
		return fmt.Errorf("check %s: %w", d.Name, err)
	}
	if got := sum(hash); got != d.Digest {
		return fmt.Errorf("check %s: %w: digest %s, not %s", d.Name, ErrDamaged, got, d.Digest)
	}
	return ctx.Err()
}

// Read returns the bytes of an object that is small enough for the memory. Its errors are those of Check.
func (d Description) Read(ctx context.Context, store Store) (content []byte, err error) {
	in, err := store.OpenSized(ctx, d.Name, d.Bytes)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	content = make([]byte, d.Bytes)
	if _, err := io.ReadFull(io.NewSectionReader(in, 0, d.Bytes), content); err != nil {
		return nil, fmt.Errorf("read object %s: %w", d.Name, err)
	}
	hash := xxh3.New()
	_, _ = hash.Write(content) // a hash never fails
	if got := sum(hash); got != d.Digest {
		return nil, fmt.Errorf("read object %s: %w: digest %s, not %s", d.Name, ErrDamaged, got, d.Digest)
	}
	return content, ctx.Err()
}

// checkBuffer is how much of an object is read at a time, in bytes.
const checkBuffer = 256 << 10

// CheckAll checks objects concurrently, up to workers at a time, and returns the first error.
func CheckAll(ctx context.Context, store Store, list []Description, workers int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(workers, 1))
	for _, d := range list {
		group.Go(func() error { return d.Check(ctx, store) })
	}
	return group.Wait()
}
