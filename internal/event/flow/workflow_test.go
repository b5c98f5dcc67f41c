//go:build !race

// Tests of the turns of a stream on a real server: several processes ask for it, end, and die.

package flow

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"bursar/internal/temporal"
	"bursar/internal/temporal/historytest"
)

// process is one process of a test. It records which streams it owns.
type process struct {
	name      string
	requester *Requester
	workers   Workers

	mu    sync.Mutex
	owned chan string // receives each stream as its ownership begins
	ended chan string // and as it ends
	hold  chan struct{}

	owners, overlaps *atomic.Int32 // of all processes
}

func (p *process) Own(ctx context.Context, stream string) error {
	if p.owners.Add(1) > 1 {
		p.overlaps.Add(1)
	}
	defer p.owners.Add(-1)
	p.owned <- stream
	<-ctx.Done()
	p.mu.Lock()
	hold := p.hold
	p.mu.Unlock()
	if hold != nil {
		<-hold
	}
	p.ended <- stream
	return nil
}

func startProcess(t *testing.T, c client.Client, name, project string, standing bool, with ...*process) *process {
	t.Helper()
	p := &process{name: name, owned: make(chan string, 100), ended: make(chan string, 100), owners: &atomic.Int32{}, overlaps: &atomic.Int32{}}
	for _, other := range with {
		p.owners, p.overlaps = other.owners, other.overlaps
	}
	p.requester = NewRequester(c, project, name, slog.New(slog.DiscardHandler))
	p.workers = NewWorkers(c, p, project, name)
	if standing {
		p.workers = append(p.workers, NewStandingWorkers(c, p, project)...)
	}
	if err := p.workers.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.workers.Stop)
	return p
}

func receive(t *testing.T, from chan string, what string) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(time.Minute):
		t.Fatalf("%s: not within a minute", what)
	}
}

func (p *process) ask(t *testing.T, id string) {
	t.Helper()
	if err := p.requester.Acquire(t.Context(), "payments", id); err != nil {
		t.Fatalf("%s asks: %v", p.name, err)
	}
}

func serve(t *testing.T) client.Client {
	t.Helper()
	server, err := temporal.Start(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server.Client()
}

// TestServerTurns has two serving processes and a command take turns.
func TestServerTurns(t *testing.T) {
	t.Parallel()
	c := serve(t)
	one := startProcess(t, c, "one", "", true)
	keep, stop := context.WithCancel(t.Context())
	defer stop()
	go one.requester.Keep(keep, "payments")
	receive(t, one.owned, "a stream that nobody asked for")
	command := startProcess(t, c, "command", "", false, one)
	began := time.Now()
	command.ask(t, "a")
	receive(t, one.ended, "the owner ends when another process asks")
	receive(t, command.owned, "the one that asked owns it")
	t.Logf("a stream has changed its owner after %v", time.Since(began))
	command.ask(t, "a") // the same request again counts once
	two := startProcess(t, c, "two", "", false, one)
	hold := make(chan struct{})
	command.mu.Lock()
	command.hold = hold
	command.mu.Unlock()
	two.ask(t, "b")
	close(hold)
	receive(t, command.ended, "the command ends")
	receive(t, two.owned, "the next owns it")
	two.workers.Stop()
	receive(t, two.ended, "a worker that stops ends its ownership")
	receive(t, one.owned, "the serving process owns it again")
	if one.overlaps.Load() > 0 {
		t.Error("two processes owned the stream at a time")
	}
	if n := len(command.owned) + len(two.owned) + len(one.owned); n > 0 {
		t.Errorf("%d turns too many", n)
	}
	historytest.Record(t, c, WorkflowID("payments"), "turns")
	if err := c.CancelWorkflow(t.Context(), WorkflowID("payments"), ""); err != nil {
		t.Fatal(err)
	}
	receive(t, one.ended, "the workflow was cancelled")
	receive(t, one.owned, "the workflow was started again")
}

// TestServerSkipsDeadProcess asks for a stream on behalf of a process that has died since.
func TestServerSkipsDeadProcess(t *testing.T) {
	t.Parallel()
	c := serve(t)
	one := startProcess(t, c, "one", "", false)
	if err := NewRequester(c, "", "dead", slog.New(slog.DiscardHandler)).Acquire(t.Context(), "payments", "a"); err != nil {
		t.Fatal(err)
	}
	one.ask(t, "b")
	receive(t, one.owned, "the next one owns it")
}

// TestServerRefusesForeignProject has a process of another project in the same namespace.
func TestServerRefusesForeignProject(t *testing.T) {
	t.Parallel()
	c := serve(t)
	mine, other := startProcess(t, c, "mine", "p1", false), NewRequester(c, "p2", "mine", slog.New(slog.DiscardHandler))
	if err := other.Acquire(t.Context(), "payments", "a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var refused bool
	for !refused && ctx.Err() == nil {
		events := c.GetWorkflowHistory(ctx, WorkflowID("payments"), "", false, 0)
		for events.HasNext() {
			e, err := events.Next()
			if err != nil {
				t.Fatal(err)
			}
			refused = refused || e.GetActivityTaskFailedEventAttributes().GetFailure().GetMessage() == temporal.ErrOtherProject.Error()
		}
	}
	if !refused || len(mine.owned) > 0 {
		t.Errorf("refused %v, owned %d times", refused, len(mine.owned))
	}
}
