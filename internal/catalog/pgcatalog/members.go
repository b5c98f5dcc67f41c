// The processes that share a catalog: each has a session whose lock the server releases when the process dies.

package pgcatalog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/failure"
	"bursar/internal/postgres"
)

// Member is a process that uses the catalog.
type Member struct {
	Name    string     // that it has given
	Address string     // its connection comes from
	Since   time.Time  // of its connection
	Joined  bool       // it shares the project, and has not claimed it
	Silent  *time.Time // of one that has joined: since when it does not use its session; nil if it does
}

// silentAfter is how long a process that has joined does not test its session, which it does at each heartbeat, before it is silent: it is suspended or
// cut off.
const silentAfter = 5 * heartbeat

// Membership is what Join returns.
type Membership struct {
	catalog *Catalog
	name    string
	stop    context.CancelFunc
	ended   chan struct{}
	lost    chan struct{}
}

// Join uses the catalog together with other processes that have joined it, under a name of at most 63 bytes. It waits for a claim
// like Claim. The session is opened again when its connection breaks. If another process has claimed the catalog meanwhile, all
// Updates fail with ErrClaimLost, and Lost is closed.
func (c *Catalog) Join(ctx context.Context, name string, wait time.Duration) (*Membership, error) {
	conn, err := c.lockSession(ctx, joinLock, name, wait)
	if err != nil {
		return nil, fmt.Errorf("join catalog: %w", err)
	}
	number, err := c.readClaim(ctx, conn)
	if err != nil {
		closeSession(conn)
		return nil, fmt.Errorf("join catalog: %w", err)
	}
	c.claimed.Store(number)
	watchCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	m := &Membership{catalog: c, name: name, stop: stop, ended: make(chan struct{}), lost: make(chan struct{})}
	go m.watch(watchCtx, conn, number)
	return m, nil
}

func (c *Catalog) readClaim(ctx context.Context, conn *pgx.Conn) (number int64, err error) {
	err = conn.QueryRow(ctx, readClaim).Scan(&number)
	return number, postgres.Classify(err)
}

// Leave ends the membership.
func (m *Membership) Leave() error {
	m.stop()
	<-m.ended
	return nil
}

// Lost is closed when another process has claimed the catalog: this one can change nothing any more.
func (m *Membership) Lost() <-chan struct{} { return m.lost }

// rejoinWait is the wait before the session is opened again.
var rejoinWait = failure.Backoff{Least: 50 * time.Millisecond, Most: 5 * time.Second}

// watch keeps the session until ctx ends.
func (m *Membership) watch(ctx context.Context, conn *pgx.Conn, number int64) {
	defer close(m.ended)
	for {
		for m.catalog.receive(ctx, conn) { // nothing is notified on this connection: it is only tested
		}
		closeSession(conn)
		var err error
		for failures := 1; ; failures++ {
			if conn, err = m.rejoin(ctx, number); err == nil {
				break
			}
			if errors.Is(err, ErrClaimLost) {
				close(m.lost)
				return
			}
			select {
			case <-time.After(rejoinWait.After(failures)):
			case <-ctx.Done():
				return
			}
		}
	}
}

// rejoin opens the session again. It fails with ErrClaimLost if the catalog was claimed since.
func (m *Membership) rejoin(ctx context.Context, number int64) (*pgx.Conn, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	conn, err := m.catalog.lockSession(ctx, joinLock, m.name, claimPoll)
	if err != nil {
		return nil, err
	}
	now, err := m.catalog.readClaim(ctx, conn)
	if err == nil && now != number {
		err = ErrClaimLost
	}
	if err != nil {
		closeSession(conn)
		return nil, err
	}
	return conn, nil
}

// Members lists the processes that have claimed or joined the catalog, the one that has connected first at the beginning. A process
// that has died is not in it, as soon as the server knows of its death.
func (c *Catalog) Members(ctx context.Context) (list []Member, err error) {
	err = c.reader.Retry(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, members, c.writer.Schema(), silentAfter.Seconds())
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Member])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	return list, nil
}

// LocalHost returns the IP address from which this machine reaches the server; that of loopback if it is the same machine.
func (c *Catalog) LocalHost(ctx context.Context) (host string, err error) {
	err = c.reader.Retry(ctx, func(_ context.Context, conn *pgxpool.Conn) error {
		host = "127.0.0.1"
		if address, ok := conn.Conn().PgConn().Conn().LocalAddr().(*net.TCPAddr); ok {
			host = address.IP.String()
		}
		return nil
	})
	return host, err
}
