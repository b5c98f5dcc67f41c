// A check of a database before it is used: what `bursar check` reports of the warehouse.

package redshift

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/failure"
)

// Report is what Check finds. It has no secrets.
type Report struct {
	Server    string // host:port
	Database  string
	Schema    string
	Version   string // such as "Redshift 1.0.12103"
	RoundTrip time.Duration
}

// Check connects to the database without writing, and refuses one that is not Redshift. The report is filled as far as the check came.
func Check(ctx context.Context, c Config) (report Report, err error) {
	pool, err := newPool(ctx, c, func(context.Context, *pgx.Conn) error { return nil })
	if err != nil {
		return report, fmt.Errorf("check Redshift: %w", err)
	}
	defer pool.Close()
	report.Schema = cmp.Or(c.Schema, defaultSchema)
	err = pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return report.describe(ctx, conn) })
	if err != nil {
		return report, fmt.Errorf("check Redshift: %w", classify(err))
	}
	return report, nil
}

// describe fills in what the server says of itself, and the time of the last of its answers.
func (r *Report) describe(ctx context.Context, conn *pgxpool.Conn) error {
	at := conn.Conn().Config()
	if err := conn.QueryRow(ctx, "SELECT current_database()").Scan(&r.Database); err != nil {
		return err
	}
	r.Server = net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port)))
	started := time.Now()
	var version string
	if err := conn.QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
		return err
	}
	r.RoundTrip = time.Since(started)
	_, number, found := strings.Cut(version, "Redshift ")
	if !found {
		return failure.Wrap(failure.Data, errors.New("the server is not Redshift; for PostgreSQL, set `kind` of the warehouse to postgres"))
	}
	r.Version = "Redshift " + number
	return nil
}
