// The claim of one process on a catalog: until it is released, no other process may use the project. Processes that share the project
// join it instead, and keep claims away as long as any of them is alive.

package pgcatalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/failure"
	"bursar/internal/postgres"
)

const (
	claimLock = `SELECT pg_try_advisory_lock(hashtextextended('bursar_claim:' || $1, 0))`
	joinLock  = `SELECT pg_try_advisory_lock_shared(hashtextextended('bursar_claim:' || $1, 0))`
	// members describes the sessions that have the lock, the oldest first. pg_locks lists those of all databases of the server, and has the
	// number of a lock in two halves.
	members = `SELECT coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'the same machine'), a.backend_start, l.mode = 'ShareLock',
		CASE WHEN l.mode = 'ShareLock' AND clock_timestamp() - a.state_change > $2 * interval '1 second' THEN a.state_change END
		FROM pg_locks l JOIN pg_stat_activity a USING (pid), hashtextextended('bursar_claim:' || $1, 0) AS k
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND l.classid::bigint = (k >> 32) & 4294967295 AND l.objid::bigint = k & 4294967295
		ORDER BY a.backend_start, a.pid`
	// checkClaim fails, by a division by zero, if another process has claimed the catalog since. Each Update compares the number, so
	// that a process that lost its session without noticing, as after a break of the network, can change nothing.
	checkClaim = `SELECT 1 / count(*) FROM claim WHERE number = $1`
	readClaim  = `SELECT number FROM claim`
	nextClaim  = `UPDATE claim SET number = number + 1 RETURNING number`

	// unclaimed is the number of a process that has neither claimed nor joined the catalog.
	unclaimed = -1

	// claimPoll is how often a waiting process tries again.
	claimPoll = 100 * time.Millisecond
)

// ErrClaimLost is returned, wrapped, by Update and Confirm after another process has claimed the catalog. Its class is Transient: a new
// start waits for the other process.
var ErrClaimLost = failure.Wrap(failure.Transient, errors.New("another process has taken over the project, because the connection of this one to the database was lost; start it again"))

// Claim claims the catalog for this process, which runs the named command. While other processes have it, Claim tries again until
// wait has passed, and then fails with an error that names them. A process that dies releases its claim.
func (c *Catalog) Claim(ctx context.Context, command string, wait time.Duration) (release func() error, err error) {
	conn, err := c.lockSession(ctx, claimLock, processName(command), wait)
	if err == nil {
		if err = c.storeClaim(ctx); err != nil {
			closeSession(conn)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("claim catalog: %w", err)
	}
	return func() error { closeSession(conn); return nil }, nil
}

// processName names a process in errors.
func processName(command string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown machine"
	}
	return fmt.Sprintf("bursar %s, process %d on %s", command, os.Getpid(), host)
}

func closeSession(conn *pgx.Conn) {
	closing, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(closing) // the server releases the lock in any case
}

// lockSession opens a connection with a name, whose session has the lock.
func (c *Catalog) lockSession(ctx context.Context, lock, name string, wait time.Duration) (*pgx.Conn, error) {
	conn, err := c.writer.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.lockWithin(ctx, conn, lock, name, wait); err != nil {
		closeSession(conn)
		return nil, err
	}
	return conn, nil
}

func (c *Catalog) lockWithin(ctx context.Context, conn *pgx.Conn, lock, name string, wait time.Duration) error {
	if _, err := conn.Exec(ctx, `SELECT set_config('application_name', $1, false)`, name); err != nil {
		return postgres.Classify(err)
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		var locked bool
		if err := conn.QueryRow(ctx, lock, c.writer.Schema()).Scan(&locked); err != nil || locked {
			return postgres.Classify(err)
		}
		select {
		case <-time.After(claimPoll):
		case <-waiting.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return c.inUse(ctx)
		}
	}
}

// InUseError says which processes use the project. Class Transient.
type InUseError struct{ Members []Member }

func (e *InUseError) Error() string {
	if len(e.Members) == 0 {
		return "another process uses the project; wait for it or stop it"
	}
	return fmt.Sprintf("the project is used by %s; wait, or stop what uses it", Names(e.Members))
}

// Names names processes, and where they are, in a text.
func Names(list []Member) string {
	var names []string
	for _, m := range list {
		names = append(names, fmt.Sprintf("%s (from %s, since %s)", m.Name, m.Address, m.Since.UTC().Format(time.RFC3339)))
	}
	return strings.Join(names, ", ")
}

// Class is Transient: the others end.
func (e *InUseError) Class() failure.Class { return failure.Transient }

// Joined reports whether the processes share the project, and none of them has claimed it.
func (e *InUseError) Joined() bool {
	return len(e.Members) > 0 && !slices.ContainsFunc(e.Members, func(m Member) bool { return !m.Joined })
}

// Conflict returns an *InUseError at once if a Join, or else a Claim, would have to wait for processes that use the catalog in the other way:
// a Claim for those that share it, a Join for the one that has claimed it.
func (c *Catalog) Conflict(ctx context.Context, joins bool) error {
	list, err := c.Members(ctx)
	if err != nil {
		return err
	}
	if list = slices.DeleteFunc(list, func(m Member) bool { return m.Joined == joins }); len(list) > 0 {
		return &InUseError{list}
	}
	return nil
}

// inUse returns the error that names the processes with the lock. Whoever cannot be listed is not named.
func (c *Catalog) inUse(ctx context.Context) error {
	list, err := c.Members(ctx)
	if err != nil {
		list = nil
	}
	return &InUseError{list}
}

// storeClaim numbers the claim, so that the updates of earlier ones fail. It is serializable like them: of an update that began before
// it and changes what was read after it, only one can commit.
func (c *Catalog) storeClaim(ctx context.Context) error {
	var number int64
	err := c.writer.InTransaction(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, nextClaim).Scan(&number)
	})
	if err == nil {
		c.claimed.Store(number)
	}
	return err
}

// Confirm fails with ErrClaimLost if another process has claimed the catalog since this one did. It reads the catalog once: whatever was durable
// elsewhere before a call that succeeds was durable before the next claim.
func (c *Catalog) Confirm(ctx context.Context) error {
	claimed := c.claimed.Load()
	if claimed == unclaimed {
		return nil
	}
	var number int64
	err := c.reader.Retry(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, readClaim).Scan(&number)
	})
	if err != nil {
		return fmt.Errorf("confirm the claim of the catalog: %w", err)
	}
	if number != claimed {
		return ErrClaimLost
	}
	return nil
}

// queueClaim adds the check of the claim to the statements of a commit. lost is true once it has failed.
func (t *tx) queueClaim(batch *pgx.Batch) (lost *bool) {
	lost = new(bool)
	if t.claimed == unclaimed {
		return lost
	}
	batch.Queue(checkClaim, t.claimed).QueryRow(func(row pgx.Row) error {
		var one int64
		err := row.Scan(&one)
		var reported *pgconn.PgError
		*lost = errors.As(err, &reported) && reported.Code == divisionByZero
		return err
	})
	return lost
}

// divisionByZero is PostgreSQL's code of the error.
const divisionByZero = "22012"
