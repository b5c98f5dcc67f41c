// A catalog that calls every transaction function twice, as any catalog may.

package catalogtest

import (
	"context"
	"errors"

	"bursar/internal/catalog"
)

// Twice wraps a catalog so that it calls every fn twice: that of an Update first in a transaction that is rolled back.
func Twice(c catalog.Catalog) catalog.Catalog { return twice{c} }

type twice struct{ catalog.Catalog }

var errConflict = errors.New("conflict with another transaction")

func (c twice) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	err := c.Catalog.Update(ctx, func(tx catalog.Tx) error { return errors.Join(fn(tx), errConflict) })
	if !errors.Is(err, errConflict) {
		return err
	}
	return c.Catalog.Update(ctx, fn)
}

func (c twice) View(ctx context.Context, fn func(catalog.Tx) error) error {
	return errors.Join(c.Catalog.View(ctx, fn), c.Catalog.View(ctx, fn))
}
