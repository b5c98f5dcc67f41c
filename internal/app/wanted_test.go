// Tests of the services that are started and stopped on request.

package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"bursar/internal/catalog"
)

// TestServicesThatDoNotStart has the second of two services fail at first: none is left running, and the next attempt starts both.
func TestServicesThatDoNotStart(t *testing.T) {
	t.Parallel()
	running, failing := 0, true
	one := func(fails *bool) service {
		return func(context.Context) (func() error, error) {
			if *fails {
				return func() error { return nil }, errors.New("the server does not answer")
			}
			running++
			return func() error { running--; return nil }, nil
		}
	}
	never := false
	s := &switchable{services: []service{one(&never), one(&failing)}}
	for _, step := range []struct {
		on, fails bool
		running   int
	}{{true, true, 0}, {true, false, 2}, {true, false, 2}, {false, false, 0}, {false, false, 0}, {true, false, 2}} {
		failing = step.fails
		if err := s.set(t.Context(), step.on); (err != nil) != step.fails || running != step.running {
			t.Fatalf("%+v: %d run, %v", step, running, err)
		}
	}
}

// TestPausedProcessIsForgotten removes the document of a process that is paused, as if it had died: it stays paused, and writes the document again.
func TestPausedProcessIsForgotten(t *testing.T) {
	t.Parallel()
	records, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	p := &sharedProcess{App: &App{catalog: records, log: slog.New(slog.DiscardHandler), shared: membership{process: newProcess("up")}}}
	p.closers = []func() error{records.Close}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	id, s := p.shared.process.ID, &switchable{}
	paused := p.shared.process
	paused.Wanted = WantPause
	if err := errors.Join(s.set(t.Context(), true), recordProcess(t.Context(), records, paused)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.obeyOnce(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		found, _, err := findProcess(t.Context(), records, id)
		if err != nil || found.Wanted != WantPause || found.State != StatePaused || s.stop != nil {
			t.Fatalf("%+v, %v, working %v", found, err, s.stop != nil)
		}
		if err := removeProcess(records, id); err != nil {
			t.Fatal(err)
		}
	}
}
