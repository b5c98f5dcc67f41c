// Tests of the services that are started and stopped on request.

package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/catalog/pgcatalog"
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

// openMember returns a process with a catalog of its own, as one of several.
func openMember(t *testing.T, log *slog.Logger) *sharedProcess {
	t.Helper()
	records, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := records.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &sharedProcess{App: &App{catalog: records, log: log, shared: membership{process: newProcess("up")}}}
	p.shared.members = func(context.Context) ([]pgcatalog.Member, error) {
		return []pgcatalog.Member{{Name: p.shared.process.ID, Joined: true}}, nil
	}
	if err := recordProcess(t.Context(), records, p.shared.process); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAskedTwice asks a process for the same twice: it logs once what it was asked for, and the second time nothing is to be done.
func TestAskedTwice(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	p := openMember(t, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	id, s := p.shared.process.ID, &switchable{}
	if err := errors.Join(s.set(t.Context(), true), p.obeyOnce(t.Context(), s)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		wanted, state, logged string
	}{{WantWork, StateWorking, ""}, {WantPause, StatePaused, "asked to pause"}, {WantWork, StateWorking, "asked to resume"}, {WantDrain, StatePaused, "asked to drain"}} {
		for again := range 2 {
			log.Reset()
			got, err := p.Ask(t.Context(), id, step.wanted)
			if first := again == 0 && step.logged != ""; err != nil || got.Already == first {
				t.Errorf("%+v, attempt %d: %+v, %v", step, again, got, err)
			}
			if err := p.obeyOnce(t.Context(), s); err != nil && !errors.Is(err, errDrained) {
				t.Fatal(err)
			}
			if want := again == 0 && step.logged != ""; strings.Contains(log.String(), step.logged) != (want || step.logged == "") || strings.Count(log.String(), "\n") > 1 {
				t.Errorf("%+v, attempt %d: logged is %q", step, again, log.String())
			}
			if now, _, err := findProcess(t.Context(), p.catalog, id); err != nil || now.State != step.state {
				t.Errorf("%+v: the process is %s, %v", step, now.State, err)
			}
		}
	}
}

// TestSilentProcess lists a process that does not use its session, and asks it to pause.
func TestSilentProcess(t *testing.T) {
	t.Parallel()
	p := openMember(t, slog.New(slog.DiscardHandler))
	if err := p.obeyOnce(t.Context(), &switchable{}); err != nil {
		t.Fatal(err)
	}
	since := time.Now().Add(-time.Minute)
	p.shared.members = func(context.Context) ([]pgcatalog.Member, error) {
		return []pgcatalog.Member{{Name: p.shared.process.ID, Joined: true, Silent: &since}}, nil
	}
	list, err := p.Processes(t.Context())
	if err != nil || len(list) != 1 || list[0].State != StateSilent || !list[0].Silent.Equal(since) {
		t.Errorf("listed is %+v, %v", list, err)
	}
	if got, err := p.Ask(t.Context(), p.shared.process.ID, WantPause); err != nil || got.State != StateSilent {
		t.Errorf("asked is %+v, %v", got, err)
	}
	if now, _, err := findProcess(t.Context(), p.catalog, p.shared.process.ID); err != nil || now.State != StateWorking || now.Silent != nil || now.Wanted != WantPause {
		t.Errorf("stored is %+v, %v", now, err)
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
