// Loads the entries of a run: in one transaction, or in two at the same time, because a server copies rows on one core for each.

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

// Load adds the entries of one run: one chunk is read while those before are written. Entries that exist already are left as they are,
// so several processes may load the same run (rule 5).
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
	merge bool // entries of this run exist, so all are compared before they are written
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

// transaction writes all entries and then the record of the load. It locks the generation against Drop.
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
// an earlier attempt of its run: then entries exist. One that is still going on is waited for: of two loads with two transactions
// each, both could wait for an entry of the other, and the server would not see why.
func (l *load) lock(ctx context.Context, tx pgx.Tx) error {
	stored, _ := storedKey(l.firstKey)
	batch := &pgx.Batch{}
	batch.Queue(`SELECT pg_advisory_xact_lock(hashtextextended('bursar_load:' || $1, $2))`,
		fmt.Sprintf("%s/%d/%x", l.space.Pipeline, l.space.Generation, stored), int64(l.run))
	batch.Queue(`
SELECT s.entries, EXISTS (SELECT FROM index_loads l WHERE l.entries = s.entries AND l.run = $3 AND l.first_key = $4)
FROM index_spaces s WHERE s.pipeline = $1 AND s.generation = $2 FOR KEY SHARE OF s`,
		l.space.Pipeline, int64(l.space.Generation), int64(l.run), stored).
		QueryRow(func(row pgx.Row) error { return row.Scan(&l.table, &l.merge) })
	err := tx.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoSpace
	}
	return err
}

func (l *load) writeFirst(ctx context.Context, tx pgx.Tx) error {
	return (&loadWriter{l, tx, l.merge}).write(ctx, l.entries)
}

// writeAll writes the first chunk and all that follow. If no other load of this process does so, it has a second transaction, which is
// committed before the record of the load is written: if the load is recorded, all its entries are there.
func (l *load) writeAll(ctx context.Context, tx pgx.Tx) error {
	select {
	case l.index.second <- struct{}{}: // one load at a time, so that no loads wait for connections of each other
		defer func() { <-l.index.second }()
	default:
		return l.writeWith(ctx, tx)
	}
	conn, err := l.index.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	second, err := conn.BeginTx(ctx, readCommitted)
	if err != nil {
		return err
	}
	defer func() { _ = second.Rollback(context.WithoutCancel(ctx)) }() // a no-op after Commit
	if err := l.writeWith(ctx, tx, second); err != nil {
		return err
	}
	return second.Commit(ctx)
}

// writeWith writes all chunks, each in the next transaction that is free. The next one is read meanwhile, on the caller's goroutine.
func (l *load) writeWith(ctx context.Context, transactions ...pgx.Tx) error {
	group, writing := errgroup.WithContext(ctx)
	filled, free := make(chan *chunk), make(chan *chunk, len(transactions)+1)
	for range transactions {
		free <- newChunk(l.space, l.run, l.index.sizes.chunk)
	}
	for _, tx := range transactions {
		w := &loadWriter{l, tx, l.merge}
		group.Go(func() error {
			for c := range filled {
				if err := w.write(writing, c); err != nil {
					return err
				}
				free <- c
			}
			return nil
		})
	}
	err := l.readAll(writing, filled, free)
	close(filled)
	if failed := group.Wait(); failed != nil {
		return failed // after it, err only says that reading was stopped
	}
	return err
}

// readAll passes on all chunks. It ends without an error of its own if a writer has failed.
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

// loadWriter writes chunks in one transaction.
type loadWriter struct {
	load  *load
	tx    pgx.Tx
	merge bool // entries of these keys exist, so they are compared before they are written
}

// write adds the entries of a chunk. Usually none of their keys has an entry of this run, and they are copied. If one has, the
// chunk is written again by a statement that compares.
func (w *loadWriter) write(ctx context.Context, c *chunk) error {
	if c.len() == 0 {
		return nil
	}
	if w.merge {
		return c.mergeInto(ctx, w.tx, w.load.table)
	}
	savepoint, err := w.tx.Begin(ctx)
	if err != nil {
		return err
	}
	if err = c.copyTo(ctx, savepoint, w.load.table); err == nil {
		return savepoint.Commit(ctx)
	}
	var reported *pgconn.PgError
	if !errors.As(err, &reported) || reported.Code != "23505" { // unique_violation
		return err
	}
	if err := savepoint.Rollback(ctx); err != nil {
		return err
	}
	w.merge = true
	return c.mergeInto(ctx, w.tx, w.load.table)
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
