// Tests of streams that this process has lost without noticing, or must not own.

package app

import (
	"context"
	"errors"
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
	"bursar/internal/failure"
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
	statements := &project.Stream{Name: project.StatementStream, Builtin: true}
	a := &App{
		log: slog.New(slog.DiscardHandler), Project: &project.Project{Streams: []*project.Stream{statements}},
		Events: &event.Store{Catalog: records}, spools: spool.Folders(t.TempDir()), closers: []func() error{records.Close},
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
	calls := 0
	got, err := exclusively(t.Context(), a, statements, func(ctx context.Context, st *event.Store) (string, error) {
		calls++
		return "done", st.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put("a", 1) })
	})
	if err != nil || got != "done" || calls != 2 {
		t.Errorf("%q, %v, after %d calls", got, err, calls)
	}
}

// TestOlderFolder has a process with an older project folder than the events of a stream: it does not own the stream, and its commands fail.
func TestOlderFolder(t *testing.T) {
	t.Parallel()
	a := openExample(t, "two_sided")
	mustIngest(t, a, "bank", filepath.Join(filepath.Dir(a.state), "sample", "bank.csv"))
	s := a.Project.Stream("bank")
	s.Columns = s.Columns[:len(s.Columns)-1]
	if err := (streamOwner{a}).Own(t.Context(), "bank"); !errors.As(err, new(*event.GrowthError)) || failure.Of(err) != failure.Data {
		t.Errorf("own the stream: %v", err)
	}
	if now, found, err := owner.Find(t.Context(), a.Events.Catalog, "bank"); err != nil || now.Process != "" {
		t.Errorf("the owner is %+v (%v), %v", now, found, err)
	}
	if _, _, err := a.acquireStream(t.Context(), "bank"); !errors.As(err, new(*event.GrowthError)) {
		t.Errorf("ask for the stream: %v", err)
	}
}
