// Fuzzes the messages of a client.

package wire

import (
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"bursar/internal/warehouse/duckwarehouse"
)

// FuzzMessages sends any bytes after the login. The session must end, without a panic, when the client has left.
func FuzzMessages(f *testing.F) {
	encode := func(messages ...pgproto3.FrontendMessage) (all []byte) {
		for _, m := range messages {
			all, _ = m.Encode(all)
		}
		return all
	}
	f.Add(encode(&pgproto3.Query{String: "SELECT 1; SELECT 'a' AS b; BEGIN"}, &pgproto3.Terminate{}))
	f.Add(encode(&pgproto3.Parse{Name: "p", Query: "SELECT $1::INTEGER"}, &pgproto3.Describe{ObjectType: 'S', Name: "p"}, &pgproto3.Bind{PreparedStatement: "p", Parameters: [][]byte{{0, 0, 0, 1}}, ParameterFormatCodes: []int16{1}, ResultFormatCodes: []int16{1}},
		&pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{MaxRows: 1}, &pgproto3.Execute{}, &pgproto3.Close{ObjectType: 'P'}, &pgproto3.Close{ObjectType: 'S', Name: "p"}, &pgproto3.Flush{}, &pgproto3.Sync{}))
	f.Add(encode(&pgproto3.Parse{Query: "BEGIN"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Execute{}, &pgproto3.Sync{}, &pgproto3.Parse{Query: "SELECT * FROM range(9)"}, &pgproto3.Bind{DestinationPortal: "x"}, &pgproto3.Execute{Portal: "x", MaxRows: 2}))
	f.Add(encode(&pgproto3.Parse{}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Sync{}, &pgproto3.CopyData{}, &pgproto3.CopyDone{}, &pgproto3.CopyFail{}, &pgproto3.FunctionCall{}))
	f.Add(encode(&pgproto3.Query{String: "SET a"}, &pgproto3.Query{String: "SHOW TRANSACTION"}, &pgproto3.Query{String: "SELECT pg_catalog."}, &pgproto3.Query{String: "RESET"}, &pgproto3.Query{String: "DEALLOCATE"}))
	dir := f.TempDir()
	db, err := duckwarehouse.Open(duckwarehouse.Config{Path: filepath.Join(dir, "warehouse.duckdb"), Scratch: dir, Memory: "100MB", Threads: 1})
	if err != nil {
		f.Fatal(err)
	}
	s, err := New(Options{
		Open: func(context.Context) (Warehouse, error) { return db, nil }, User: "bursar", Password: testPassword, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Rows: 1000, Timeout: time.Second, Connections: 10,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) > 2000 {
			return
		}
		client, server := net.Pipe()
		c := newSession(s, server)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer server.Close()
			c.run()
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_ = client.SetWriteDeadline(time.Now().Add(5 * time.Second))
		_, _ = client.Write(sent)
		_ = client.Close()
		<-ended
		if len(c.portals) > 0 {
			t.Fatal("portals are open")
		}
	})
}
