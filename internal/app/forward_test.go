// Tests of requests that are forwarded to a process that does not answer.

package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/live"
	"bursar/internal/event/owner"
	"bursar/internal/serve"
)

// TestUnreachableOwner forwards requests to an owner whose address nobody listens at: one warning names the process, the address and the next step.
func TestUnreachableOwner(t *testing.T) {
	t.Parallel()
	records, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := records.Close(); err != nil {
			t.Error(err)
		}
	}()
	config, err := serve.PeerTLS(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	a := &App{log: slog.New(slog.NewTextHandler(&log, nil)), Events: &event.Store{Catalog: records}}
	a.shared.peers = serve.NewPeerClient(config)
	const address = "127.0.0.1:1"
	find := func() (owner.Owner, error) { return owner.Owner{Process: "db2-1-abc", Address: address}, nil }
	if _, err := owner.Take(t.Context(), records, "payments", owner.Owner{Process: "db2-1-abc", Address: address}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, err := a.acceptOnce(t.Context(), "payments", live.Request{Body: []byte("{}")}, find, make(chan struct{}))
		if !errors.As(err, new(*serve.UnreachableError)) || strings.Contains(err.Error(), address) {
			t.Fatalf("the sender gets %v", err)
		}
	}
	got := log.String()
	if strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "process=db2-1-abc address="+address) || !strings.Contains(got, "--peer-address") {
		t.Errorf("it logs %s", got)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.acceptOnce(cancelled, "payments", live.Request{Body: []byte("{}")}, find, make(chan struct{})); err == nil {
		t.Error("a cancelled request is accepted")
	}
}
