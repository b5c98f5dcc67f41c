// Checking objects against their descriptions in the catalog before their content is trusted.

package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"bursar/internal/failure"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// ErrDamaged is returned, wrapped, by checks of an object whose bytes are not those that were written. Its class is Data.
var ErrDamaged = failure.Wrap(failure.Data, errors.New("damaged"))

// ErrSize returns the error of an object that has another size than the one it was written with.
func ErrSize(name string, size, want int64) error {
	return fmt.Errorf("open object %s: %w: %d bytes, not %d", name, ErrDamaged, size, want)
}

// IsDamage reports whether an error means that an object is damaged or missing.
func IsDamage(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) }

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
