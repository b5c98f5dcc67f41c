// Tests of work on a stream that this process has lost without noticing.

package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"

	"bursar/internal/catalog"
	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/event"
	"bursar/internal/event/flow"
	"bursar/internal/event/live/spool"
	"bursar/internal/event/owner"
	"bursar/internal/project"
)

// grantingClient is a workflow of a stream that gives it to whoever asks.
type grantingClient struct {
	client.Client
	grant func()
}

func (*grantingClient) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any, ...any) client.WithStartWorkflowOperation {
	return nil
}

func (c *grantingClient) UpdateWithStartWorkflow(context.Context, client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	c.grant()
	return &grantedUpdate{}, nil
}

type grantedUpdate struct{ client.WorkflowUpdateHandle }

func (*grantedUpdate) Get(context.Context, any) error { return nil }

// TestWorkOnLostStream has a command begin in a process that was suspended, before its workers notice that another process owns the stream: the
// command asks for the stream, instead of failing.
func TestWorkOnLostStream(t *testing.T) {
	t.Parallel()
	records, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	a := &App{
		log: slog.New(slog.DiscardHandler), Events: &event.Store{Catalog: records}, spools: spool.Folders(t.TempDir()), closers: []func() error{records.Close},
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	a.shared.members = func(context.Context) ([]pgcatalog.Member, error) { return nil, nil }
	own := func() {
		taken, err := owner.Take(t.Context(), records, project.StatementStream, owner.Owner{})
		if err != nil {
			t.Error(err)
			return
		}
		a.shared.owners.begin(project.StatementStream, &ownedStream{store: &event.Store{Catalog: taken.Catalog()}})
	}
	own()
	if _, err := owner.Take(t.Context(), records, project.StatementStream, owner.Owner{Process: "another"}); err != nil {
		t.Fatal(err)
	}
	a.shared.requester = flow.NewRequester(&grantingClient{grant: own}, "", "this", a.log)
	s, calls := &project.Stream{Name: "entries", Builtin: true}, 0
	got, err := exclusively(t.Context(), a, s, func(ctx context.Context, st *event.Store) (string, error) {
		calls++
		return "done", st.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put("a", 1) })
	})
	if err != nil || got != "done" || calls != 2 {
		t.Errorf("%q, %v, after %d calls", got, err, calls)
	}
}
