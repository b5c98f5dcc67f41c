// Tests of the classes of the server's errors, and of connections on which a silent server is noticed.

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/failure"
)

func TestClasses(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]struct {
		class failure.Class
		next  string
	}{
		"40001": {failure.Transient, ""},
		"40P01": {failure.Transient, ""},
		"53100": {failure.Transient, "free space"},
		"53300": {failure.Throttled, "max_connections"},
		"3D000": {failure.Data, "createdb --owner USER --encoding UTF8 --template template0 NAME"},
		"53400": {failure.Throttled, ""},
		"57P01": {failure.Transient, ""},
		"57P03": {failure.Transient, ""},
		"57P04": {failure.Data, "dropped"},
		"57014": {failure.Transient, ""},
		"25006": {failure.Transient, "primary"},
		"08006": {failure.Transient, ""},
		"28P01": {failure.Data, "password"},
		"42501": {failure.Data, "make the user the owner"},
		"42P01": {failure.Data, "schema"},
		"42601": {failure.Bug, ""},
		"23505": {failure.Bug, ""},
		"XX000": {failure.Bug, ""},
		"XX001": {failure.Data, ""},
		"":      {failure.Bug, ""},
	} {
		cause := &pgconn.PgError{Severity: "ERROR", Code: code, Message: "cause"}
		err := Classify(Classify(fmt.Errorf("put thing: %w", cause)))
		var found *pgconn.PgError
		if failure.Of(err) != want.class || !strings.Contains(err.Error(), want.next) || !errors.As(err, &found) {
			t.Errorf("%s: class %v, %v", code, failure.Of(err), err)
		}
		if strings.Count(err.Error(), "cause") != 1 || !strings.HasPrefix(err.Error(), "put thing: ") {
			t.Errorf("%s: %v", code, err)
		}
	}
	policy := Classify(&pgconn.PgError{Code: "42501", Message: `new row violates row-level security policy "small" for table "m"`})
	if text := policy.Error(); failure.Of(policy) != failure.Data || strings.Contains(text, "OWNER TO") || !strings.Contains(text, `somebody has made the policy "small" on table "m": drop it`) {
		t.Errorf("a policy that refuses rows: %v", policy)
	}
	lost := &pgconn.PgError{Severity: "ERROR", Code: "55000", Message: "lost connection to parallel worker", File: "parallel.c"}
	if err := Classify(lost); failure.Of(err) != failure.Transient || !repeatable(lost) || failure.Of(Classify(&pgconn.PgError{Code: "55000", File: "sequence.c"})) != failure.Bug {
		t.Errorf("a lost parallel worker: %v", err)
	}
	own := errors.New("own")
	if err := Classify(own); !errors.Is(err, own) || failure.Of(err) != failure.Bug || Classify(nil) != nil {
		t.Errorf("an error of somebody else: %v", err)
	}
}

// A commit is known not to have happened only if the server refused it or never got it.
func TestCommitError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		unknown bool
	}{
		"refused":     {&pgconn.PgError{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "40001"}, false},
		"ended":       {&pgconn.PgError{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "57P01"}, true},
		"broken":      {net.ErrClosed, true},
		"interrupted": {context.Canceled, true},
		"done":        {nil, false},
	} {
		if err := CommitError(c.err); errors.Is(err, ErrOutcomeUnknown) != c.unknown || !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRestartingServer connects to a server that refuses TLS, then ends the connection without it: it restarts.
func TestRestartingServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 8)
			if _, err := io.ReadFull(conn, request); err == nil && request[4] == 4 { // SSLRequest is 1234 5679
				_, _ = conn.Write([]byte("N"))
			}
			_ = conn.Close()
		}
	}()
	for mode, want := range map[string]failure.Class{"prefer": failure.Transient, "require": failure.Data} {
		pool, err := Open(t.Context(), Config{URL: "postgres://bursar@" + listener.Addr().String() + "/db?sslmode=" + mode, RetryFor: time.Millisecond})
		if err == nil {
			pool.Close()
		}
		if failure.Of(err) != want || strings.Contains(fmt.Sprint(err), "does not support TLS") != (want == failure.Data) {
			t.Errorf("sslmode=%s: class %v, %v", mode, failure.Of(err), err)
		}
	}
}

func TestTimedConn(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := Dialer(time.Second, time.Millisecond)(context.Background(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 { // nothing comes, and the next read waits again
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
	}
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = conn.Write([]byte("x")); _, _ = peer.Write([]byte("y")) }()
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Errorf("with a deadline of its user: %v", err)
	}
	if err := conn.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("interrupted write: %v", err)
	}
}
