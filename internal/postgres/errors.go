// Classes of PostgreSQL's errors, and what a person can do about them.

package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/failure"
)

// SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	serializationFailure = "40001"
	deadlock             = "40P01"
	tooManyConnections   = "53300"
	databaseDropped      = "57P04"
	undefinedTable       = "42P01"
	undefinedColumn      = "42703"
	insufficientRights   = "42501"
	undefinedDatabase    = "3D000"
)

// advice is the class of an error and the next step.
type advice struct {
	class failure.Class
	next  string
}

// known are the errors with a class, by SQLSTATE or its first two characters.
var known = map[string]advice{
	"08": {failure.Transient, ""},
	"22": {failure.Data, ""},
	"28": {failure.Data, "check the user and the password in the connection URL, PGPASSWORD or ~/.pgpass, and the server's pg_hba.conf"},
	"40": {failure.Transient, ""},
	"53": {failure.Throttled, ""},
	"54": {failure.Data, ""},
	"57": {failure.Transient, ""},
	"58": {failure.Transient, "check the server's disk"},
	"XX": {failure.Data, ""},

	"0A000":            {failure.Data, ""},
	"25006":            {failure.Transient, "the server is a read-only standby or default_transaction_read_only is set: use the primary server"},
	"25P03":            {failure.Transient, ""},
	undefinedDatabase:  {failure.Data, "create the database with `" + createDatabase("", "") + "`, or correct the connection URL"},
	"3F000":            {failure.Data, "create the schema, or correct its name in bursar.yaml"},
	insufficientRights: {failure.Data, ""}, // deniedStep
	undefinedTable:     {failure.Data, "a table of the schema is missing: was it dropped, or is the schema's name in bursar.yaml another one?"},
	tooManyConnections: {failure.Throttled, "raise max_connections of the server, or set pool_max_conns in the connection URL"},
	"53100":            {failure.Transient, "free space on the server's disk"},
	"53200":            {failure.Transient, ""},
	"55P03":            {failure.Transient, ""},
	databaseDropped:    {failure.Data, "the database was dropped"},
	"XX000":            {failure.Bug, ""},
}

// classError is an error with its class and the next step.
type classError struct {
	error
	text  string
	class failure.Class
}

func (e *classError) Error() string        { return e.text }
func (e *classError) Unwrap() error        { return e.error }
func (e *classError) Class() failure.Class { return e.class }
func (e *classError) IsOfServer() bool     { return true } // failure.IsOfServer: the text names the server and the user

// checkServer is the next step after a failed connection.
const checkServer = "check that the server runs and that this machine can reach it"

// place is where an error is from, as far as it is known.
type place struct{ schema, user string }

// Classify returns an error of pgx with its class and the next step, and every other error as it is. It may be called again.
func Classify(err error) error { return classifyAt(err, place{}) }

func classifyAt(err error, at place) error {
	var done failure.Classified
	var connect *pgconn.ConnectError
	var reported *pgconn.PgError
	switch {
	case err == nil, errors.As(err, &done) && !errors.As(err, &connect):
		return err
	case errors.As(err, &connect):
		return classifyConnect(err, connect)
	case errors.As(err, &reported):
		a := adviceFor(reported, at)
		return &classError{err, withNext(err.Error(), a.next), a.class}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errBroken), isNetwork(err):
		return &classError{err, err.Error(), failure.Transient}
	}
	return err
}

// adviceFor returns what is known about an error of the server. An unknown one is a bug of the statement that caused it.
func adviceFor(err *pgconn.PgError, at place) advice {
	if a, found := known[err.Code]; found {
		if err.Code == insufficientRights {
			a.next = deniedStep(err, at)
		}
		return a
	}
	if isLostWorker(err) {
		return advice{class: failure.Transient}
	}
	if len(err.Code) == 5 {
		return known[err.Code[:2]]
	}
	return advice{}
}

// plainName is a name that a shell takes as it is.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// createDatabase is the command that creates a database. Names that a shell would change are left to the reader.
func createDatabase(user, database string) string {
	if !plainName.MatchString(user) {
		user = "USER"
	}
	if !plainName.MatchString(database) {
		database = "NAME"
	}
	return "createdb --owner " + user + " --encoding UTF8 --template template0 " + database
}

func withNext(text, next string) string {
	if next == "" {
		return text
	}
	return text + "; " + next
}

// classifyConnect describes why no connection was opened. pgx reports every address and every TLS mode that it tried, on separate
// lines; the first one that says why is enough.
func classifyConnect(err error, connect *pgconn.ConnectError) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	cause, a := connectCause(connect)
	where := net.JoinHostPort(connect.Config.Host, strconv.Itoa(int(connect.Config.Port)))
	text := fmt.Sprintf("connect to %s, database %q, user %q: %s", where, connect.Config.Database, connect.Config.User, cause)
	return &classError{err, withNext(text, a.next), a.class}
}

func connectClass(connect *pgconn.ConnectError) failure.Class {
	_, a := connectCause(connect)
	return a.class
}

// connectCause returns the text of the cause of a failed connection, its class and the next step.
func connectCause(connect *pgconn.ConnectError) (string, advice) {
	var reported *pgconn.PgError
	var own failure.Classified
	var verification *tls.CertificateVerificationError
	var network *net.OpError
	var dns *net.DNSError
	switch err := withoutRefusedTLS(connect.Unwrap()); {
	case errors.As(err, &verification):
		return "the server's certificate is refused: " + verification.Err.Error(), advice{failure.Data, certificateStep(verification.Err)}
	case errors.As(err, &reported):
		a := adviceFor(reported, place{user: connect.Config.User})
		if reported.Code == undefinedDatabase {
			a.next = strings.Replace(a.next, createDatabase("", ""), createDatabase(connect.Config.User, connect.Config.Database), 1)
		}
		return reported.Error(), a
	case errors.As(err, &own):
		return own.Error(), advice{class: own.Class()}
	case isRefusedTLS(err):
		return "the server does not support TLS", advice{failure.Data, "set ssl=on on the server, or sslmode=disable in the connection URL"}
	case errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time", advice{failure.Transient, checkServer}
	case errors.As(err, &dns):
		return dns.Error(), advice{failure.Transient, "check the host in the connection URL"}
	case errors.As(err, &network):
		return network.Error(), advice{failure.Transient, checkServer}
	default:
		return strings.ReplaceAll(err.Error(), "\n", "; "), advice{failure.Transient, checkServer}
	}
}

// withoutRefusedTLS returns the errors of a connection without those of attempts that the server refused because of TLS, unless all are:
// with sslmode=prefer an attempt without TLS follows, whose error is the cause.
func withoutRefusedTLS(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	if rest := slices.DeleteFunc(slices.Clone(joined.Unwrap()), isRefusedTLS); len(rest) > 0 {
		return errors.Join(rest...)
	}
	return err
}

func isRefusedTLS(err error) bool {
	return strings.Contains(err.Error(), "server refused TLS connection")
}

// certificateStep returns the next step for a certificate that cannot be verified.
func certificateStep(err error) string {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case errors.As(err, &authority):
		return "name the file of the authority that signed it: sslrootcert=FILE in the connection URL, or PGSSLROOTCERT"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the server's certificate, and check the clocks of both machines"
	case errors.As(err, &host):
		return "use the host name in the certificate, or sslmode=verify-ca in the connection URL"
	}
	return "check the server's certificate"
}
