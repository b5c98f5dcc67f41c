// What a person asks a process to do: to pause, to go on, or to finish its work and end. The catalog's document of the process says it, and the
// process follows it.

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/reconcile"
)

// What a person asks a process to do.
const (
	WantWork  = ""
	WantPause = "pause"
	WantDrain = "drain"
)

// The states of a process.
const (
	StateWorking   = "working"
	StateStopping  = "stopping" // it takes no new work, and finishes what it has
	StatePaused    = "paused"
	StateExecuting = "command" // it executes one command
	StateSilent    = "silent"  // by its session: it is suspended, or cut off
)

// switchable are services that are started and stopped together, by one goroutine at a time.
type switchable struct {
	services []service
	stop     func() error // nil while they are stopped
	wanted   string       // by the document that obey has read last
}

// set starts or stops the services: all, or none after an error.
func (s *switchable) set(ctx context.Context, on bool) (err error) {
	if on == (s.stop != nil) {
		return nil
	}
	if !on {
		err, s.stop = s.stop(), nil
		return err
	}
	stop, err := startAll(ctx, s.services...)
	if err != nil { // what has started is stopped, so that the next call starts all
		return errors.Join(err, stop())
	}
	s.stop = stop
	return nil
}

// wantedPoll is how often a process looks for what it is asked to do, unless the change feed reports it before.
const wantedPoll = 10 * time.Second

// obey does what the document of this process asks for, until ctx ends. It ends the process by end when it is drained.
func (p *sharedProcess) obey(ctx context.Context, s *switchable, end context.CancelCauseFunc) {
	changed := p.shared.watch(ctx, processPrefix+p.shared.process.ID)
	tick := time.NewTicker(wantedPoll)
	defer tick.Stop()
	for {
		if err := p.obeyOnce(ctx, s); errors.Is(err, errDrained) {
			end(err)
			return
		} else if err != nil && ctx.Err() == nil && p.shared.warnings.Pass("wanted") {
			p.log.Warn("cannot do what this process is asked to; trying again", "error", err)
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// obeyOnce does what the document asks for now, and records the state that the process has then.
func (p *sharedProcess) obeyOnce(ctx context.Context, s *switchable) error {
	now, found, err := findProcess(ctx, p.catalog, p.shared.process.ID)
	if err != nil {
		return err
	}
	if !found { // it was taken for dead while its connection was lost
		now = p.shared.process
		now.Wanted = s.wanted
	}
	if now.Wanted != s.wanted {
		p.log.Warn("this process was asked to " + cmp.Or(now.Wanted, "resume"))
	}
	s.wanted = now.Wanted
	state := StateWorking
	if now.Wanted != WantWork {
		state = StatePaused
	}
	if found && now.State == state {
		if now.Wanted == WantDrain {
			return errDrained
		}
		return nil
	}
	if state == StatePaused {
		if err := p.recordState(ctx, now, StateStopping); err != nil {
			return err
		}
	}
	if err := s.set(ctx, state == StateWorking); err != nil {
		return err
	}
	if err := p.recordState(ctx, now, state); err != nil {
		return err
	}
	p.log.Info("this process has another state", "state", state)
	if now.Wanted == WantDrain {
		return errDrained
	}
	return nil
}

// recordState writes the state of this process, unless the document says by now that something else is wanted: that comes next.
func (p *sharedProcess) recordState(ctx context.Context, seen Process, state string) error {
	return p.catalog.Update(ctx, func(tx catalog.Tx) error {
		var now Process
		if found, err := tx.Get(processPrefix+seen.ID, &now); err != nil || found && now.Wanted != seen.Wanted {
			return err
		}
		seen.State = state
		return tx.Put(processPrefix+seen.ID, seen)
	})
}

func findProcess(ctx context.Context, c catalog.Catalog, id string) (p Process, found bool, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		found, err = tx.Get(processPrefix+id, &p)
		return err
	})
	if err != nil {
		err = fmt.Errorf("find process %s: %w", id, err)
	}
	return p, found, err
}

// Asked is a process that was asked for something.
type Asked struct {
	Process
	Already bool `json:"already,omitempty"` // it was asked for the same before
}

// Ask asks a process to do something. It does not wait until that is done.
func (a *App) Ask(ctx context.Context, id, wanted string) (p Asked, err error) {
	list, err := a.Processes(ctx)
	if err != nil {
		return p, err
	}
	i := slices.IndexFunc(list, func(p Process) bool { return p.ID == id })
	if i < 0 {
		return p, &reconcile.NotFoundError{What: "process " + id}
	}
	p.Process, p.Already, err = a.ask(ctx, id, wanted)
	if list[i].Silent != nil {
		p.State, p.Silent = list[i].State, list[i].Silent
	}
	return p, err
}

func (a *App) ask(ctx context.Context, id, wanted string) (p Process, already bool, err error) {
	err = a.catalog.Update(ctx, func(tx catalog.Tx) error {
		found, err := tx.Get(processPrefix+id, &p)
		switch {
		case err != nil:
			return err
		case !found:
			return &reconcile.NotFoundError{What: "process " + id}
		case p.State == StateExecuting:
			return failure.Wrap(failure.Data, fmt.Errorf("process %s executes `bursar %s`, and ends with it", id, p.Command))
		}
		if already = p.Wanted == wanted; already {
			return nil
		}
		p.Wanted = wanted
		return tx.Put(processPrefix+id, p)
	})
	return p, already, err
}
