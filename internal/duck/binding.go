// The connection on which a project's SQL is bound: nothing is computed, there is a deadline, and results are cached.

package duck

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"bursar/internal/column"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

const (
	// bindTimeout bounds the binding of one expression or file; ordinary SQL takes some milliseconds.
	bindTimeout = 10 * time.Second
	// interruptTimeout bounds the wait for an interrupted binding. DuckDB does not check for interruptions everywhere.
	interruptTimeout = 2 * time.Second
)

// errBindTimeout is returned by a binding that does not end in time.
var errBindTimeout = errors.New("it takes too long to bind: make it shorter, or nest it less")

// withBinding calls use with a new connection over empty tables, without an optimizer that would compute constants. A binding that
// neither ends nor reacts to its interruption is abandoned together with its database, until the process ends.
func (s *Session) withBinding(ctx context.Context, tables map[string][]column.Field, use func(ctx context.Context, b *Session) error) error {
	bound, cancel := context.WithTimeout(ctx, s.bindTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.withConnection(bound, tables, use) }()
	select {
	case err := <-done:
		return bindOutcome(ctx, bound, err)
	case <-bound.Done():
	}
	late := time.NewTimer(interruptTimeout)
	defer late.Stop()
	select {
	case err := <-done:
		return bindOutcome(ctx, bound, err)
	case <-late.C:
		s.abandoned = true
		return bindOutcome(ctx, bound, errBindTimeout)
	}
}

// bindOutcome is the error of a binding, from the caller's point of view.
func bindOutcome(ctx, bound context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bound.Err() != nil:
		return errBindTimeout
	}
	return err
}

func (s *Session) withConnection(ctx context.Context, tables map[string][]column.Field, use func(ctx context.Context, b *Session) error) error {
	other := Session{db: s.db}
	if duckdb.Connect(s.db, &other.conn) != duckdb.StateSuccess { // its temporary views are dropped with it
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

// maxCached bounds the cached results.
const maxCached = 10_000

// bindCache holds the results of binding by key: the same text over the same columns has the same result in every database. Errors are
// not cached, and callers must not change a result.
var bindCache struct {
	sync.Mutex
	entries map[[sha256.Size]byte]any
}

// cacheKey is the key of a result: its kind, and everything that it depends on.
func cacheKey(parts ...string) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q", parts))
}

// cached returns the result of a binding, which is bound if the cache does not hold it. A kind of key has one type of result.
func cached[R any](ctx context.Context, s *Session, key [sha256.Size]byte, tables map[string][]column.Field,
	bind func(ctx context.Context, b *Session) (R, error),
) (result R, err error) {
	bindCache.Lock()
	known, ok := bindCache.entries[key].(R)
	bindCache.Unlock()
	if ok {
		return known, nil
	}
	bound := make(chan R, 1)
	err = s.withBinding(ctx, tables, func(ctx context.Context, b *Session) error {
		r, err := bind(ctx, b)
		bound <- r
		return err
	})
	if err != nil {
		return result, err
	}
	result = <-bound
	bindCache.Lock()
	defer bindCache.Unlock()
	if bindCache.entries == nil || len(bindCache.entries) >= maxCached {
		bindCache.entries = map[[sha256.Size]byte]any{}
	}
	bindCache.entries[key] = result
	return result, nil
}

// tablesKey is the part of a key that depends on tables.
func tablesKey(tables map[string][]column.Field) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		fmt.Fprintf(&b, "%q %q ", name, emptySQL(tables[name]))
	}
	return b.String()
}
