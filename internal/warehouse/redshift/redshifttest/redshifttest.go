// Package redshifttest is a process in front of a PostgreSQL server that looks like Redshift to a client, as far as the warehouse uses it: it
// executes COPY of JSON objects that a manifest lists, has the type SUPER and the views SVV_TABLES and SVV_COLUMNS, and ignores blanks at
// the end of texts that it compares. It refuses some statements that PostgreSQL knows and Redshift does not. It proves that the statements fit together, not that Redshift
// accepts them.
package redshifttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/object"
	"bursar/internal/postgres/postgrestest"
)

// ObjectsURL is where the objects of a server's store are.
const ObjectsURL = "s3://bucket/warehouse/"

// CopyRole is the only role with which a server may read them.
const CopyRole = "arn:aws:iam::123456789012:role/copy"

// created is what Redshift has and PostgreSQL has not.
const created = `
CREATE DOMAIN public.super AS jsonb;
CREATE VIEW pg_catalog_svv_tables AS SELECT table_schema, table_name, table_type FROM information_schema.tables;
CREATE VIEW pg_catalog_svv_columns AS SELECT table_schema, table_name, column_name, ordinal_position,
	CASE WHEN domain_name = 'super' THEN 'super' WHEN data_type = 'character' THEN 'character varying' ELSE data_type END AS data_type,
	CASE WHEN data_type = 'character' THEN 65535 ELSE character_maximum_length END AS character_maximum_length, numeric_precision, numeric_scale
FROM information_schema.columns;
CREATE FUNCTION pg_catalog_version() RETURNS text LANGUAGE sql AS $$ SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.12103' $$`

// Server is a process in front of a database.
type Server struct {
	t        testing.TB
	database string // URL
	objects  object.Store
	listener net.Listener
}

// Start starts a server on a new database, which is stopped with the test.
func Start(t testing.TB, objects object.Store) *Server {
	t.Helper()
	database := postgrestest.URL(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t, database, objects, listener}
	conn, err := pgconn.Connect(context.Background(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), created).ReadAll(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go s.accept()
	return s
}

// URL is the connection URL of clients.
func (s *Server) URL() string {
	return (&url.URL{Scheme: "postgres", User: url.User("client"), Host: s.listener.Addr().String(), Path: "/dev", RawQuery: "sslmode=disable"}).String()
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if err := s.serve(conn); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) {
				s.t.Logf("redshifttest: %v", err)
			}
		}()
	}
}

// session is a client's connection and the one to the server behind.
type session struct {
	server *Server
	client *pgproto3.Backend
	behind *pgproto3.Frontend
	status byte // of the transaction
}

func (s *Server) serve(conn net.Conn) error {
	client := pgproto3.NewBackend(conn, conn)
	ctx := context.Background()
	message, err := client.ReceiveStartupMessage()
	if err != nil {
		return err
	}
	if cancel, is := message.(*pgproto3.CancelRequest); is {
		return s.cancel(ctx, cancel)
	}
	connection, err := pgconn.Connect(ctx, s.database)
	if err != nil {
		return err
	}
	hijacked, err := connection.Hijack()
	if err != nil {
		return err
	}
	defer hijacked.Conn.Close()
	client.Send(&pgproto3.AuthenticationOk{})
	for name, value := range hijacked.ParameterStatuses {
		client.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	client.Send(&pgproto3.BackendKeyData{ProcessID: hijacked.PID, SecretKey: hijacked.SecretKey})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := client.Flush(); err != nil {
		return err
	}
	return (&session{s, client, hijacked.Frontend, 'I'}).loop(ctx)
}

// cancel asks the server behind to stop a statement: sessions have the same number and key there.
func (s *Server) cancel(ctx context.Context, request *pgproto3.CancelRequest) error {
	config, err := pgconn.ParseConfig(s.database)
	if err != nil {
		return err
	}
	message, err := request.Encode(nil)
	if err != nil {
		return err
	}
	conn, err := config.DialFunc(ctx, "tcp", net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err = conn.Write(message); err == nil {
		_, err = conn.Read(make([]byte, 1)) // the server closes the connection when it has done so
	}
	return err
}

// loop executes statement after statement: the messages of a client up to a Sync or a Query, then those of the server up to ReadyForQuery.
func (s *session) loop(ctx context.Context) error {
	for {
		var load *loadStatement
		for done := false; !done; {
			message, err := s.client.Receive()
			if err != nil {
				return err
			}
			sql := ""
			switch m := message.(type) {
			case *pgproto3.Terminate:
				return nil
			case *pgproto3.Query:
				sql, done = m.String, true
			case *pgproto3.Parse:
				sql = m.Query
			case *pgproto3.Sync:
				done = true
			}
			if refused := refusal(sql); refused != "" {
				s.server.t.Errorf("Redshift does not know %s: %s", refused, sql)
			}
			if load == nil {
				load = parseLoad(sql)
			}
			if load == nil {
				s.behind.Send(asPostgres(message))
			}
		}
		if err := s.answer(ctx, load); err != nil {
			return err
		}
	}
}

func (s *session) answer(ctx context.Context, load *loadStatement) error {
	if load != nil {
		return s.load(ctx, load)
	}
	if err := s.behind.Flush(); err != nil {
		return err
	}
	for {
		message, err := s.behind.Receive()
		if err != nil {
			return err
		}
		if described, is := message.(*pgproto3.RowDescription); is {
			for i := range described.Fields {
				if f := &described.Fields[i]; f.DataTypeOID == pgtype.BPCharOID {
					f.DataTypeOID, f.TypeModifier = pgtype.VarcharOID, maxVarchar+4
				}
			}
		}
		s.client.Send(message)
		ready, done := message.(*pgproto3.ReadyForQuery)
		if done {
			s.status = ready.TxStatus
		}
		if err := s.client.Flush(); err != nil || done {
			return err
		}
	}
}

// fail answers with an error of Redshift's, after the server's transaction has failed, too.
func (s *session) fail(cause error) error {
	if s.status == 'T' {
		s.behind.Send(&pgproto3.Query{String: "an error"})
		if err := s.behind.Flush(); err != nil {
			return err
		}
		for {
			message, err := s.behind.Receive()
			if err != nil {
				return err
			}
			if ready, ok := message.(*pgproto3.ReadyForQuery); ok {
				s.status = ready.TxStatus
				break
			}
		}
	}
	s.client.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "XX000", Message: fmt.Sprint(cause)})
	s.client.Send(&pgproto3.ReadyForQuery{TxStatus: s.status})
	return s.client.Flush()
}
