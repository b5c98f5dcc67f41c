// Loads the entries of a run in one transaction.

package pgindex

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"bursar/internal/artifact"
	"bursar/internal/failure"
	"bursar/internal/postgres"
)

// Load adds the entries of one run, all or none of them: one chunk is read while the one before is written. Entries that exist
// already are left as they are, so several processes may load the same run at once (rule 5).
func (x *Index) Load(ctx context.Context, space artifact.Space, run uint64, next func() (e artifact.Entry, ok bool, err error)) error {
	err := checkSpace(space)
	if err == nil {
		err = checkNumber("run", run)
	}
	if err == nil {
		err = x.load(ctx, &load{index: x, space: space, run: run, next: next, entries: newChunk(space, run, x.sizes.chunk)})
	}
	return wrap(ctx, err, space, "load run %d into index", run)
}

func (x *Index) load(ctx context.Context, l *load) error {
	last, err := l.fill(ctx, l.entries)
	if err != nil {
		return err
	}
	l.firstKey = bytes.Clone(l.entries.first())
	write := l.writeAll
	if last {
		write = l.writeFirst
	}
	return x.pool.Retry(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		if l.failed != nil {
			return l.failed
		}
		err := l.transaction(ctx, conn, write)
		if err != nil && l.consumed {
			l.failed = final(err)
		}
		return err
	})
}

// final returns an error that is not repeated: the entries are gone.
func final(err error) error {
	var reported *pgconn.PgError
	if errors.As(err, &reported) {
		err = postgres.Classify(err)
		return failure.Wrap(failure.Of(err), errors.New(err.Error()))
	}
	return err
}

// load is one call of Load.
type load struct {
	index    *Index
	space    artifact.Space
	run      uint64
	next     func() (artifact.Entry, bool, error)
	entries  *chunk // the first entries
	previous []byte // key of the last entry
	n        int64  // entries
	firstKey []byte

	consumed bool  // more than the first entries were read, so the transaction cannot be repeated
	failed   error // of the transaction after that

	table string
	merge bool // entries of these keys exist, so they are compared before they are written
}

// fill reads entries until the chunk is full, and reports whether they are the last.
func (l *load) fill(ctx context.Context, c *chunk) (last bool, err error) {
	c.reset()
	for !c.full() {
		if c.len()%4096 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		e, ok, err := l.next()
		if err != nil || !ok {
			return true, err
		}
		if err := artifact.CheckOrder(l.previous, e.Key); err != nil {
			return false, err
		}
		l.previous = append(l.previous[:0], e.Key...)
		if err := c.add(e); err != nil {
			return false, err
		}
		l.n++
	}
	return false, nil
}

// errNoSpace ends a transaction because the generation is not there yet, or was dropped just now.
var errNoSpace = errors.New("the generation has no table")

// transaction writes all entries and the record of the load, or nothing. It locks the generation against Drop.
func (l *load) transaction(ctx context.Context, conn *pgxpool.Conn, write func(context.Context, pgx.Tx) error) error {
	tx, err := l.begin(ctx, conn)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // a no-op after Commit
	if err := write(ctx, tx); err != nil {
		return err
	}
	if err := recordLoad(ctx, tx, l.table, l.run, l.firstKey, l.n); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err // known: nothing is committed
	}
	committing, cancel := postgres.CommitContext(ctx)
	defer cancel()
	return postgres.CommitError(tx.Commit(committing))
}

// readCommitted is the isolation of a load, whatever the default is: it waits for what another load of the same entries writes, and
// must see it then.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}

// begin begins a transaction in which the generation exists. It creates it in a transaction of its own, so that other loads of
// the generation do not wait for this one.
func (l *load) begin(ctx context.Context, conn *pgxpool.Conn) (pgx.Tx, error) {
	for tries := 0; ; tries++ {
		tx, err := conn.BeginTx(ctx, readCommitted)
		if err != nil {
			return nil, err
		}
		err = l.lock(ctx, tx)
		if err == nil {
			return tx, nil
		}
		_ = tx.Rollback(context.WithoutCancel(ctx)) // err is the cause
		if !errors.Is(err, errNoSpace) || tries == 3 {
			return nil, err
		}
		if err := l.create(ctx, conn); err != nil {
			return nil, err
		}
	}
}

// create creates the generation on the connection of the load: a second one might never get free.
func (l *load) create(ctx context.Context, conn *pgxpool.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return createSpace(ctx, tx, l.space, newTableName(l.space)) })
}

// lock finds the table of the generation and keeps it from being dropped. A load that begins with the same key was this one, or
// an earlier attempt of its run: then entries exist.
func (l *load) lock(ctx context.Context, tx pgx.Tx) error {
	stored, _ := storedKey(l.firstKey)
	err := tx.QueryRow(ctx, `
SELECT s.entries, EXISTS (SELECT FROM index_loads l WHERE l.entries = s.entries AND l.run = $3 AND l.first_key = $4)
FROM index_spaces s WHERE s.pipeline = $1 AND s.generation = $2 FOR KEY SHARE OF s`,
		l.space.Pipeline, int64(l.space.Generation), int64(l.run), stored).Scan(&l.table, &l.merge)
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoSpace
	}
	return err
}

func (l *load) writeFirst(ctx context.Context, tx pgx.Tx) error { return l.write(ctx, tx, l.entries) }

// writeAll writes the first chunk and all that follow. The next one is read meanwhile, on the caller's goroutine.
func (l *load) writeAll(ctx context.Context, tx pgx.Tx) error {
	group, writing := errgroup.WithContext(ctx)
	filled, free := make(chan *chunk), make(chan *chunk, 2)
	free <- newChunk(l.space, l.run, l.index.sizes.chunk)
	group.Go(func() error {
		for c := range filled {
			if err := l.write(ctx, tx, c); err != nil {
				return err
			}
			free <- c
		}
		return nil
	})
	err := l.readAll(writing, filled, free)
	close(filled)
	if failed := group.Wait(); failed != nil {
		return failed // after it, err only says that reading was stopped
	}
	return err
}

// readAll passes on all chunks. It ends without an error of its own if the writer has failed.
func (l *load) readAll(ctx context.Context, filled chan<- *chunk, free <-chan *chunk) error {
	for c, last := l.entries, false; ; {
		select {
		case filled <- c:
		case <-ctx.Done():
			return nil
		}
		if last {
			return nil
		}
		select {
		case c = <-free:
		case <-ctx.Done():
			return nil
		}
		l.consumed = true
		var err error
		if last, err = l.fill(ctx, c); err != nil {
			return err
		}
	}
}

// write adds the entries of a chunk. Usually none of their keys has an entry of this run, and they are copied. If one has, the
// chunk is written again by a statement that compares.
func (l *load) write(ctx context.Context, tx pgx.Tx, c *chunk) error {
	if c.len() == 0 {
		return nil
	}
	if l.merge {
		return c.mergeInto(ctx, tx, l.table)
	}
	savepoint, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	if err = c.copyTo(ctx, savepoint, l.table); err == nil {
		return savepoint.Commit(ctx)
	}
	var reported *pgconn.PgError
	if !errors.As(err, &reported) || reported.Code != "23505" { // unique_violation
		return err
	}
	if err := savepoint.Rollback(ctx); err != nil {
		return err
	}
	l.merge = true
	return c.mergeInto(ctx, tx, l.table)
}

// recordLoad records how many entries were loaded. A load without entries begins with the empty key.
func recordLoad(ctx context.Context, tx pgx.Tx, table string, run uint64, first []byte, n int64) error {
	stored, _ := storedKey(first)
	if stored == nil {
		stored = []byte{}
	}
	_, err := tx.Exec(ctx, `
INSERT INTO index_loads AS l (entries, run, first_key, count) VALUES ($1, $2, $3, $4)
ON CONFLICT (entries, run, first_key) DO UPDATE SET count = excluded.count WHERE l.count <> excluded.count`,
		table, int64(run), stored, n)
	if err != nil {
		return fmt.Errorf("record load: %w", err)
	}
	return nil
}
