// Tests of logins: passwords, TLS, limits, and clients that do not speak the protocol.

package wire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for _, url := range []string{
		"postgres://bursar:wrong@" + e.address + "/warehouse?sslmode=disable", "postgres://bursar:@" + e.address + "/warehouse?sslmode=disable", "postgres://postgres:correct%20horse@" + e.address + "/warehouse?sslmode=disable",
	} {
		_, err := pgx.Connect(t.Context(), url)
		var reported *pgconn.PgError
		if err == nil || errors.As(err, &reported) && reported.Code != "28P01" {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), testPassword) {
			t.Error(err)
		}
	}
	log := e.log.String()
	if !strings.Contains(log, "a login to the warehouse has failed") || !strings.Contains(log, "user=postgres") || strings.Contains(log, "wrong") || strings.Contains(log, testPassword) {
		t.Error(log)
	}
	_, err := pgx.Connect(t.Context(), strings.Replace(e.url("sslmode=disable"), "/warehouse", "/other", 1))
	wantCode(t, "another database", err, "3D000")
}

func TestNoPassword(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{User: "bursar"}, {Password: "p"}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is served", o)
		}
	}
}

// certificate returns a certificate for this machine, and who signs it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "warehouse"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(signed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	config, pool := certificate(t)
	e := serve(t, func(o *Options) { o.TLS = config })
	_, err := pgx.Connect(t.Context(), e.url("sslmode=disable"))
	wantCode(t, "without TLS", err, "28000")
	for _, binding := range []string{"disable", "prefer", "require"} {
		c, err := pgx.ParseConfig(e.url("sslmode=require&channel_binding=" + binding))
		if err != nil {
			t.Fatal(err)
		}
		c.TLSConfig = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
		conn, err := pgx.ConnectConfig(t.Context(), c)
		if err != nil {
			t.Fatal(binding, err)
		}
		var n int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&n); err != nil || n != 3 {
			t.Errorf("%s: %d, %v", binding, n, err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	e := serve(t, func(o *Options) { o.Connections = 2 })
	first := e.connect(t, pgx.QueryExecModeExec)
	e.connect(t, pgx.QueryExecModeExec)
	_, err := pgx.Connect(t.Context(), e.url("sslmode=disable"))
	wantCode(t, "a third connection", err, "53300")
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for { // the server may notice the end a moment later
		conn, err := pgx.Connect(t.Context(), e.url("sslmode=disable"))
		if err == nil {
			_ = conn.Close(t.Context())
			return
		}
		wantCode(t, "a connection after one has ended", err, "53300")
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// TestSilentConnections opens connections that never log in, more than the server serves at a time: whoever has the password gets in.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	e := serve(t, func(o *Options) { o.Connections, o.loginTimeout = 2, time.Hour })
	for range 5 * pendingConnections {
		conn, err := net.Dial("tcp", e.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	e.connect(t, pgx.QueryExecModeExec)
	e.connect(t, pgx.QueryExecModeExec)
}

// TestUnexpectedBytes connects with bytes that are no login, and then cannot wait for ever.
func TestUnexpectedBytes(t *testing.T) {
	t.Parallel()
	e := serve(t, func(o *Options) { o.loginTimeout = 200 * time.Millisecond })
	start, err := (&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "bursar"}}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	query, err := (&pgproto3.Query{String: "SELECT 1"}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, sent := range map[string][]byte{
		"nothing": nil, "HTTP": []byte("GET / HTTP/1.1\r\n\r\n"), "a long start": {0, 0xff, 0xff, 0xff, 0, 3, 0, 0}, "a start only": start, "no login": append(bytes.Clone(start), query...), "zeros": make([]byte, 64),
	} {
		conn, err := net.Dial("tcp", e.address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(sent); err != nil {
			t.Error(name, err)
		}
		got, _ := io.ReadAll(conn) // until the server closes the connection
		if bytes.Contains(got, []byte("SELECT 1")) || bytes.Contains(got, []byte("DataRow")) {
			t.Errorf("%s: %q", name, got)
		}
		_ = conn.Close()
	}
	e.connect(t, pgx.QueryExecModeExec)
}

// TestStop stops while clients wait, and while one executes a statement, which is cancelled after the time that it has.
func TestStop(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	idle, busy := e.connect(t, pgx.QueryExecModeExec), e.connect(t, pgx.QueryExecModeSimpleProtocol)
	failed := make(chan error, 1)
	go func() {
		_, err := busy.Exec(context.Background(), endless)
		failed <- err
	}()
	for executing := false; !executing; {
		e.mu.Lock()
		for _, c := range e.sessions {
			c.mu.Lock()
			executing = executing || c.stop != nil
			c.mu.Unlock()
		}
		e.mu.Unlock()
	}
	e.Stop(10 * time.Millisecond)
	wantCode(t, "a statement that is executed", <-failed, "57P01")
	if _, err := idle.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a connection that waited goes on")
	}
	if _, err := pgx.Connect(t.Context(), e.url("sslmode=disable")); err == nil {
		t.Error("a new client is served")
	}
}
