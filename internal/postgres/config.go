// The configuration of a connection pool, and the settings of every session.

package postgres

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/failure"
)

// Defaults of a Config.
const (
	defaultSchema           = "bursar"
	defaultConnections      = 8
	defaultStatementTimeout = time.Minute
	defaultRetryFor         = 15 * time.Second
	connectTimeout          = 10 * time.Second
	// answerMargin is added to the statement timeout: a server that sends nothing for so long is not reachable.
	answerMargin = 10 * time.Second
)

// Config says where a database is and how it is used.
type Config struct {
	// URL is a connection URL or a list of key=value pairs, as libpq and pgx take them. What it leaves out is taken from the usual
	// environment variables (PGHOST, PGPASSWORD, PGSSLMODE, PGSSLROOTCERT …), ~/.pgpass and ~/.pg_service.conf.
	URL string
	// Schema is the schema that has the project's tables: several projects may share a database. Empty: bursar.
	Schema string
	// Connections is the most connections that the pool opens; pool_max_conns in the URL replaces it. 0: 8.
	Connections int
	// StatementTimeout is how long the server works on one statement. It replaces the one in the URL. 0: a minute.
	StatementTimeout time.Duration
	// RetryFor is how long InTransaction and Retry repeat what may be repeated. 0: 15 seconds.
	RetryFor time.Duration
	// ConnectTimeout is how long one attempt to connect takes, unless the URL says so. 0: 10 seconds.
	ConnectTimeout time.Duration
	// Untested says that connections are used without a test after they were idle, which costs a round trip. It is for users who use the
	// pool by Retry only, which repeats what a broken connection interrupts.
	Untested bool
	// Settings are settings of every session, like those of SET. They replace the defaults and those in the URL.
	Settings map[string]string
}

func (c *Config) schema() string { return cmp.Or(c.Schema, defaultSchema) }

// defaultSettings bound how long a session that nobody serves any more keeps locks and resources.
var defaultSettings = map[string]string{
	"application_name":                    "bursar",
	"idle_in_transaction_session_timeout": "300000", // milliseconds
	"tcp_keepalives_idle":                 "30",     // seconds
	"tcp_keepalives_interval":             "10",
	"tcp_keepalives_count":                "3",
}

// fixedSettings make the text forms of values independent of the server, the database and the role.
var fixedSettings = map[string]string{
	"client_encoding":             "UTF8",
	"TimeZone":                    "UTC",
	"DateStyle":                   "ISO, YMD",
	"IntervalStyle":               "iso_8601",
	"bytea_output":                "hex",
	"extra_float_digits":          "1",
	"standard_conforming_strings": "on",
}

// parse converts a Config into that of pgx.
func (c *Config) parse() (*pgxpool.Config, error) {
	pool, err := ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(c.URL, "pool_max_conns") {
		pool.MaxConns = int32(cmp.Or(c.Connections, defaultConnections))
	}
	pool.MaxConnLifetime = time.Hour
	pool.MaxConnLifetimeJitter = 10 * time.Minute
	pool.MaxConnIdleTime = 5 * time.Minute
	if c.Untested {
		pool.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	}
	c.setSession(pool.ConnConfig)
	return pool, nil
}

// ParseURL parses a connection URL. Its error, of class Data, contains no part of it that may be a password.
func ParseURL(location string) (*pgxpool.Config, error) {
	if !isUnambiguous(location) {
		return nil, errAmbiguous
	}
	config, err := pgxpool.ParseConfig(location)
	if err != nil {
		return nil, parseError(err)
	}
	return config, nil
}

// isUnambiguous reports whether nothing but the end of the user and the password is an @. Another one means that the password has an
// @, /, ? or # that is not escaped, so that a part of it would be taken for the host, looked up and printed (rule 8).
func isUnambiguous(location string) bool {
	scheme, after, isURL := strings.Cut(location, "://")
	if !isURL || scheme != "postgres" && scheme != "postgresql" {
		return true
	}
	end := strings.IndexAny(after, "/?#")
	if end < 0 {
		end = len(after)
	}
	return strings.Count(after[:end], "@") <= 1 && !strings.Contains(after[end:], "@")
}

func (c *Config) setSession(conn *pgx.ConnConfig) {
	params := conn.RuntimeParams
	for name, value := range defaultSettings {
		params[name] = cmp.Or(params[name], value)
	}
	timeout := cmp.Or(c.StatementTimeout, defaultStatementTimeout)
	params["statement_timeout"] = strconv.FormatInt(timeout.Milliseconds(), 10)
	params["search_path"] = pgx.Identifier{c.schema()}.Sanitize()
	for name, value := range c.Settings {
		params[name] = value
	}
	for name, value := range fixedSettings {
		params[name] = value
	}
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = cmp.Or(c.ConnectTimeout, connectTimeout)
	}
	conn.DialFunc = Dialer(conn.ConnectTimeout, timeout+answerMargin)
	if conn.ValidateConnect == nil { // target_session_attrs in the URL sets another
		conn.ValidateConnect = checkSession(conn.User)
	}
}

// checkSession refuses servers on which nothing can be written correctly.
func checkSession(user string) pgconn.ValidateConnectFunc {
	return func(_ context.Context, conn *pgconn.PgConn) error {
		if conn.ParameterStatus("in_hot_standby") == "on" {
			return errStandby
		}
		if encoding := conn.ParameterStatus("server_encoding"); encoding != "UTF8" {
			return &encodingError{encoding, user}
		}
		return nil
	}
}

var (
	errStandby = failure.Wrap(failure.Transient, errors.New("the server is a read-only standby; "+
		"use the primary server, or list all servers in the URL with target_session_attrs=read-write"))
	errAmbiguous = failure.Wrap(failure.Data, errors.New("the connection URL is not valid: an @ is not escaped, or another character before it; "+
		"write @ as %40, / as %2F, ? as %3F and # as %23, or set PGPASSWORD"))
	errURL = failure.Wrap(failure.Data, errors.New("the connection URL is not valid; "+
		"write postgres://USER@HOST:PORT/DATABASE, with special characters of a password as %XX, or set PGPASSWORD"))
)

// encodingError refuses a database whose text is not UTF-8.
type encodingError struct{ encoding, user string }

func (e *encodingError) Error() string {
	return "the database has the encoding " + e.encoding + ", not UTF8; create one with `" + createDatabase(e.user, "") + "`"
}

func (e *encodingError) Class() failure.Class { return failure.Data }

// parseError returns why a URL is not valid without its text, which may hold a password.
func parseError(err error) error {
	var path *fs.PathError
	var parsed *pgconn.ParseConfigError
	var location *url.Error
	switch {
	case errors.As(err, &path):
		return failure.Wrap(failure.Data, path)
	case errors.As(err, &location), !errors.As(err, &parsed):
		return errURL
	}
	text := parsed.Error()
	text = text[strings.LastIndex(text, "`: ")+len("`: "):]
	// A password with a slash that is not written as %2F makes what follows a port.
	if strings.HasPrefix(text, "failed to parse as") || strings.HasPrefix(text, "invalid port") {
		return errURL
	}
	if !strings.HasPrefix(text, "failed to configure TLS") { // whose cause names a parameter or a file
		text, _, _ = strings.Cut(text, " (")
	}
	return failure.Wrap(failure.Data, errors.New(text+"; correct the connection URL or the PG… environment variables"))
}
