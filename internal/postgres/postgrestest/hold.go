// Transactions that stay open, so that others wait for their locks.

package postgrestest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Hold runs a statement in a transaction of the database with the given URL, which stays open until release.
func Hold(t testing.TB, location, statement string) (release func()) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, location)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = conn.Exec(ctx, "BEGIN"); err == nil {
		_, err = conn.Exec(ctx, statement)
	}
	if err != nil {
		_ = conn.Close(ctx)
		t.Fatalf("%s: %v", statement, err)
	}
	return func() {
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}
