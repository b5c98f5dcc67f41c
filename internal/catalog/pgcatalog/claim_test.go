// Tests that one process at a time has a catalog.

package pgcatalog

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

func TestClaim(t *testing.T) {
	t.Parallel()
	config := postgres.Config{URL: postgrestest.URL(t)}
	first, second, ctx := mustOpen(t, config), mustOpen(t, config), context.Background()
	put := func(c *Catalog) error {
		return c.Update(ctx, func(tx catalog.Tx) error { return tx.Put("a", 1) })
	}
	release, err := first.Claim(ctx, "up", 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = second.Claim(ctx, "run", 0)
	if failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "bursar up, process ") {
		t.Fatalf("a second claim: %v [%v]", err, failure.Of(err))
	}
	if err := errors.Join(put(first), first.Confirm(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = second.Claim(ctx, "run", time.Minute); err != nil {
		t.Fatal(err)
	}
	// The first process writes although its session has ended, as after a break of the network.
	if err := put(first); !errors.Is(err, ErrClaimLost) || failure.Of(err) != failure.Transient {
		t.Errorf("an update of the process before: %v", err)
	}
	if err := first.Confirm(ctx); !errors.Is(err, ErrClaimLost) {
		t.Errorf("the process before confirms its claim: %v", err)
	}
	if err := errors.Join(put(second), second.Confirm(ctx)); err != nil {
		t.Error(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}
