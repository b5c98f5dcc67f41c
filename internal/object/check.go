// Comparing objects with what the catalog expects of them, before what is in them is trusted.

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

// ErrDamaged is what checking an object returns whose bytes are not those that were written, wrapped. Class Data.
var ErrDamaged = failure.Wrap(failure.Data, errors.New("damaged"))

// IsDamage reports whether an error says that an object is damaged or missing.
func IsDamage(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) }

// Check reads an object whole and compares it with its description: ErrDamaged where it differs, fs.ErrNotExist where it
// is absent, both wrapped.
func (d Description) Check(ctx context.Context, store Store) error {
	in, err := store.Open(ctx, d.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	if in.Size() != d.Bytes {
		return fmt.Errorf("check %s: %w: %d bytes, not %d", d.Name, ErrDamaged, in.Size(), d.Bytes)
	}
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

// CheckAll compares objects with their descriptions, so many at a time, and returns the first fault.
func CheckAll(ctx context.Context, store Store, list []Description, workers int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(workers, 1))
	for _, d := range list {
		group.Go(func() error { return d.Check(ctx, store) })
	}
	return group.Wait()
}
