// Tests of transactions: repetition, and what is known after a fault at any message.

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

var serializable = pgx.TxOptions{IsoLevel: pgx.Serializable}

// increment adds one to the only number.
func increment(ctx context.Context, tx pgx.Tx) error {
	var n int
	if err := tx.QueryRow(ctx, "SELECT n FROM things").Scan(&n); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE things SET n = $1", n+1)
	return err
}

func number(t *testing.T, pool *postgres.Pool) (n int) {
	t.Helper()
	if err := pool.QueryRow(context.Background(), "SELECT n FROM things").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func migrated(t *testing.T, config postgres.Config) *postgres.Pool {
	t.Helper()
	pool := open(t, config)
	if err := pool.Migrate(context.Background(), component(1)); err != nil {
		t.Fatal(err)
	}
	return pool
}

func TestSerializationFailuresAreRepeated(t *testing.T) {
	t.Parallel()
	pool := migrated(t, postgres.Config{URL: postgrestest.URL(t)})
	const workers, each = 6, 8
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for range each {
				if err := pool.InTransaction(context.Background(), serializable, increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	if n := number(t, pool); n != 1+workers*each {
		t.Errorf("%d after %d increments from 1", n, workers*each)
	}
}

func TestOwnErrorsAndPanics(t *testing.T) {
	t.Parallel()
	pool := migrated(t, postgres.Config{URL: postgrestest.URL(t)})
	own := errors.New("own")
	err := pool.InTransaction(context.Background(), serializable, func(ctx context.Context, tx pgx.Tx) error {
		return errors.Join(increment(ctx, tx), own)
	})
	if !errors.Is(err, own) || failure.Of(err) != failure.Bug {
		t.Errorf("own error: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = pool.InTransaction(context.Background(), serializable, func(ctx context.Context, tx pgx.Tx) error {
			panic(increment(ctx, tx))
		})
	}()
	ctx, cancel := context.WithCancel(context.Background())
	err = pool.InTransaction(ctx, serializable, func(ctx context.Context, tx pgx.Tx) error {
		defer cancel()
		return increment(ctx, tx)
	})
	if !errors.Is(err, context.Canceled) || errors.Is(err, postgres.ErrOutcomeUnknown) {
		t.Errorf("cancelled before the commit: %v", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	err = pool.InTransaction(ctx, serializable, func(context.Context, pgx.Tx) error {
		cancel()
		return net.ErrClosed // as pgx returns it when it ends a COPY
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, net.ErrClosed) {
		t.Errorf("cancelled while it was writing: %v", err)
	}
	if n := number(t, pool); n != 1 {
		t.Errorf("%d, want 1", n)
	}
}

// Every message of a transaction fails in turn. Afterwards it is done exactly once, unless its error says that this is unknown.
func TestEveryMessageFails(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	direct := migrated(t, postgres.Config{URL: location})
	proxy, through := postgrestest.NewProxy(t, location)
	pool := open(t, postgres.Config{URL: through})
	for _, fault := range []postgrestest.Fault{postgrestest.CutBefore, postgrestest.CutAfter} {
		unknown, failed := 0, true
		for n := 1; failed; n++ {
			before := number(t, direct)
			proxy.Fail(n, fault)
			err := pool.InTransaction(context.Background(), serializable, increment)
			failed = proxy.Fired()
			done := number(t, direct) - before
			switch what := fmt.Sprintf("fault %d at message %d: done %d times: %v", fault, n, done, err); {
			case err == nil && done != 1:
				t.Error(what)
			case err != nil && (!errors.Is(err, postgres.ErrOutcomeUnknown) || failure.Of(err) != failure.Transient || done > 1):
				t.Error(what)
			case err != nil:
				unknown++
			}
		}
		if unknown == 0 || unknown > 2 {
			t.Errorf("fault %d: the outcome was unknown %d times", fault, unknown)
		}
	}
}

// A commit that is still on its way when its error is returned does not happen later, also when the pool's other connection is broken.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	for _, broken := range []bool{false, true} {
		t.Run(fmt.Sprintf("broken %v", broken), func(t *testing.T) {
			t.Parallel()
			lateCommit(t, broken)
		})
	}
}

func lateCommit(t *testing.T, broken bool) {
	t.Helper()
	location := postgrestest.URL(t)
	direct := migrated(t, postgres.Config{URL: location})
	proxy, through := postgrestest.NewProxy(t, location)
	pool := open(t, postgres.Config{URL: through, Untested: true, Settings: map[string]string{"application_name": "late"}})
	calls := 0
	err := pool.InTransaction(context.Background(), serializable, func(ctx context.Context, tx pgx.Tx) error {
		calls++
		if broken {
			var ended bool
			if err := pool.QueryRow(ctx, "SELECT true").Scan(&ended); err != nil { // opens another connection
				return err
			}
			query := `SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'late' AND pid <> pg_backend_pid()`
			if err := tx.QueryRow(ctx, query).Scan(&ended); err != nil || !ended {
				return fmt.Errorf("end the other session: %v, %w", ended, err)
			}
		}
		defer func() { proxy.Fail(1, postgrestest.Delay) }()
		return increment(ctx, tx)
	})
	if !proxy.Fired() || !errors.Is(err, postgres.ErrOutcomeUnknown) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	before := number(t, direct)
	proxy.Deliver()
	for sessions := 1; sessions > 0; { // until the server has ended the session
		query := "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in%'"
		if err := direct.QueryRow(context.Background(), query).Scan(&sessions); err != nil {
			t.Fatal(err)
		}
	}
	if after := number(t, direct); before != 1 || after != 1 {
		t.Errorf("%d, and %d later", before, after)
	}
}

func TestStalledServerIsNoticed(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	proxy, through := postgrestest.NewProxy(t, location)
	pool := open(t, postgres.Config{URL: through})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	fired := proxy.Fail(1, postgrestest.Stall)
	done := make(chan error)
	go func() { done <- pool.InTransaction(ctx, serializable, increment) }()
	<-fired
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while the server is silent: %v", err)
	}
}

func TestServerRestartsAndStops(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, postgrestest.Options{})
	pool := migrated(t, postgres.Config{URL: server.URL("postgres"), RetryFor: time.Second})
	other := open(t, postgres.Config{URL: server.URL("template1")})
	calls := 0
	err := pool.InTransaction(context.Background(), serializable, func(ctx context.Context, tx pgx.Tx) error {
		if calls++; calls == 1 {
			if _, err := other.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"); err != nil {
				t.Error(err)
			}
		}
		return increment(ctx, tx)
	})
	if n := number(t, pool); err != nil || calls != 2 || n != 2 {
		t.Errorf("all sessions were ended: %v after %d calls, %d", err, calls, n)
	}
	server.Stop()
	if err := pool.InTransaction(context.Background(), serializable, increment); failure.Of(err) != failure.Transient {
		t.Errorf("after the server stopped: %v", err)
	}
}

// TestServerRestarts ends a server in each way, and uses it again without opening anything anew.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, postgrestest.Options{})
	pool := migrated(t, postgres.Config{URL: server.URL("postgres")})
	before := number(t, pool)
	for i, how := range []postgrestest.End{postgrestest.Fast, postgrestest.Killed, postgrestest.Killed} {
		server.Restart(t, how)
		err := pool.InTransaction(context.Background(), serializable, increment)
		if n := number(t, pool); err != nil || n != before+i+1 {
			t.Errorf("after %s: %d, %v", how, n, err)
		}
	}
}
