// The connection that SQL of a project is bound on: nothing is computed, and a deadline ends it.

package duck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/column"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

const (
	// bindTime is how long it may take to bind one expression or file; what people write takes some milliseconds.
	bindTime = 10 * time.Second
	// lateTime is how long an interrupted binding may take to end. DuckDB does not look at interruptions everywhere.
	lateTime = 2 * time.Second
)

// errLate is what a binding that does not end in time returns.
var errLate = errors.New("it takes too long to bind: make it shorter, or nest it less")

// binding calls use with a connection of its own, over empty tables, on which no optimizer computes constants. A binding that
// neither ends nor heeds its interruption is left behind together with its database: only the end of the process ends it.
func (s *Session) binding(ctx context.Context, tables map[string][]column.Field, use func(ctx context.Context, b *Session) error) error {
	bound, cancel := context.WithTimeout(ctx, s.bindTime)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.connected(bound, tables, use) }()
	select {
	case err := <-done:
		return outcome(ctx, bound, err)
	case <-bound.Done():
	}
	late := time.NewTimer(lateTime)
	defer late.Stop()
	select {
	case err := <-done:
		return outcome(ctx, bound, err)
	case <-late.C:
		s.left = true
		return outcome(ctx, bound, errLate)
	}
}

// outcome is how a binding ended, in the terms of who asked for it.
func outcome(ctx, bound context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bound.Err() != nil:
		return errLate
	}
	return err
}

func (s *Session) connected(ctx context.Context, tables map[string][]column.Field, use func(ctx context.Context, b *Session) error) error {
	other := Session{db: s.db}
	if duckdb.Connect(s.db, &other.conn) != duckdb.StateSuccess { // its temporary views end with it
		return errors.New("open duckdb: no connection")
	}
	defer duckdb.Disconnect(&other.conn)
	if err := other.exec(ctx, "PRAGMA disable_optimizer"); err != nil {
		return fmt.Errorf("configure duckdb: %w", err)
	}
	for name, columns := range tables {
		if err := other.exec(ctx, "CREATE TEMP VIEW "+column.QuoteIdentifier(name)+" AS "+emptySQL(columns)); err != nil {
			return fmt.Errorf("bind over %s: %w", name, err)
		}
	}
	return use(ctx, &other)
}
