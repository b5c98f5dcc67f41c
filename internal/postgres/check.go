// A check of a database before it is used: what `bursar check` reports of a backend.

package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/failure"
)

// oldestServer is the oldest version of PostgreSQL that is supported, as server_version_num.
const oldestServer = 14_00_00

// checkFor is how long a check repeats what fails. It is short because a person waits for the answer.
const checkFor = time.Second

// checkConnectTimeout is the timeout of one attempt to connect; by default there are two, with and without TLS.
const checkConnectTimeout = 4 * time.Second

// Report is what Check finds. It has no secrets.
type Report struct {
	Server        string        `json:"server"` // host:port
	Database      string        `json:"database"`
	User          string        `json:"user"`
	Schema        string        `json:"schema"`
	Version       string        `json:"version"` // of the server
	Encrypted     bool          `json:"encrypted"`
	RoundTrip     time.Duration `json:"round_trip"`               // median, in nanoseconds
	SchemaVersion int           `json:"schema_version"`           // 0: the tables are not created yet
	Missing       []string      `json:"missing_rights,omitempty"` // as in GRANT
	Foreign       []string      `json:"foreign_tables,omitempty"` // that do not belong to the user
	Owner         string        `json:"owner,omitempty"`          // of the first of them
}

// Check connects to a database and checks, without writing, that the tables of a component can be created, upgraded and used. The
// report is filled as far as the check came.
func Check(ctx context.Context, config Config, c Component) (report Report, err error) {
	config.RetryFor, config.ConnectTimeout = checkFor, checkConnectTimeout
	pool, err := Open(ctx, config)
	if err != nil {
		return report, err
	}
	defer pool.Close()
	if err := pool.describe(ctx, &report); err != nil {
		return report, fmt.Errorf("check PostgreSQL: %w", pool.classify(err))
	}
	err = pool.checkRights(ctx, &report, c)
	if err == nil {
		err = report.refusal()
	}
	if err == nil {
		report.SchemaVersion, err = pool.Version(ctx, c.Name)
	}
	if err == nil {
		err = pool.checkVersion(c, report.SchemaVersion)
	}
	if err != nil {
		return report, fmt.Errorf("check PostgreSQL: %w", pool.classify(err))
	}
	return report, nil
}

// describe fills in what the server says of itself.
func (p *Pool) describe(ctx context.Context, report *Report) error {
	var number int
	report.Schema = p.schema
	err := p.QueryRow(ctx, `SELECT current_database(), current_user, current_setting('server_version'), current_setting('server_version_num')::int,
		coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)`).
		Scan(&report.Database, &report.User, &report.Version, &number, &report.Encrypted)
	if err != nil {
		return err
	}
	conn := p.Config().ConnConfig
	report.Server = fmt.Sprintf("%s:%d", conn.Host, conn.Port)
	if number < oldestServer {
		return failure.Wrap(failure.Data, fmt.Errorf("the server has version %s; upgrade it to 14 or newer", report.Version))
	}
	const pings = 5
	times := make([]time.Duration, pings)
	for i := range times {
		started := time.Now()
		if err := p.Ping(ctx); err != nil {
			return err
		}
		times[i] = time.Since(started)
	}
	slices.Sort(times)
	report.RoundTrip = times[pings/2]
	return nil
}

// checkVersion refuses tables that Migrate would refuse.
func (p *Pool) checkVersion(c Component, found int) error {
	if found == 0 {
		return nil
	}
	refused := found > c.Version
	for version := found; version < c.Version; version++ {
		_, can := c.Upgrades[version]
		refused = refused || !can
	}
	if refused {
		return &SchemaError{c.Name, p.schema, found, c.Version}
	}
	return nil
}
