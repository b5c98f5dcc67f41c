// Jobs: the workers and the workflow of this process, which starts slots when they are due and executes their tasks.

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/job/flow"
	"bursar/internal/job/mail"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/job/task"
	"bursar/internal/project"
	"bursar/internal/serve"
)

// jobs is what this process needs for jobs. The zero value is ready.
type jobs struct {
	works     bool            // this process has workers; a.starting guards it
	scheduler *flow.Scheduler // of a process that follows the schedules; nil otherwise
	writes    chunk.Writes    // of the tasks that this process executes
	commands  serve.Commands  // executes one of Bursar's commands on the open project

	mu         sync.Mutex
	executors  map[string]*task.Executor // by job
	conditions *conditions               // nil until there is an executor
	mail       *mail.Client              // nil until it is needed
	turn       chan struct{}             // held to bring the tables up to date; nil until it is needed

	published   time.Time // when the tables were last brought up to date for a task; turn guards it
	publishTook time.Duration
}

// SetCommands sets what executes Bursar's own commands for tasks. It is called before the first task.
func (a *App) SetCommands(commands serve.Commands) { a.jobs.commands = commands }

// slots returns the records of slots.
func (a *App) slots() *record.Slots {
	return &record.Slots{Catalog: a.catalog, Now: time.Now, Noticed: a.noticed}
}

// work returns the records of tasks.
func (a *App) work() *chunk.Work {
	return &chunk.Work{Catalog: a.catalog, Objects: a.Engine.Objects, Now: time.Now, Worker: a.workerName(), Writes: &a.jobs.writes, Log: a.log}
}

// workerName names this process in the records of tasks.
func (a *App) workerName() string {
	if id := a.shared.process.ID; id != "" {
		return id
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return host + "-" + strconv.Itoa(os.Getpid())
}

// jobStarter connects to Temporal, and returns what starts the workflows of slots.
func (a *App) jobStarter(ctx context.Context) (flow.Starter, error) {
	c, err := a.TemporalClient(ctx)
	return flow.Starter{Client: c, Project: a.id}, err
}

// startJobWorkers starts the workers of the role job, until stop, which is never nil. It does nothing if this process has them.
func (a *App) startJobWorkers(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	starter, err := a.jobStarter(ctx)
	if err != nil {
		return stop, err
	}
	a.starting.Lock()
	defer a.starting.Unlock()
	if a.jobs.works {
		return stop, nil
	}
	timeout := flow.StopTimeout
	if a.shared.serves {
		timeout = flow.SharedStopTimeout
	}
	workers := flow.NewWorkers(starter, jobSteps{a}, timeout)
	if err := workers.Start(); err != nil {
		return stop, fmt.Errorf("start the workers of jobs: %w", err)
	}
	a.jobs.works = true
	return func() error {
		workers.Stop()
		a.starting.Lock()
		defer a.starting.Unlock()
		a.jobs.works = false
		return nil
	}, nil
}

// startJobs starts slots when they are due, and executes their tasks, until stop. It does nothing if the project has no jobs, and never had.
func (a *App) startJobs(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	if needed, err := a.needsJobs(ctx); err != nil || !needed {
		return stop, err
	}
	stopWorkers, err := a.startJobWorkers(ctx)
	if err != nil {
		return stopWorkers, err
	}
	return a.follow(ctx, flow.NewScheduler, &a.jobs.scheduler, a.pruneJobs, func() error { return errors.Join(stopWorkers(), a.closeMail()) })
}

// jobNames returns the names of the declared jobs, sorted.
func (a *App) jobNames() (names []string) {
	for _, j := range a.Project.Jobs {
		names = append(names, j.Name)
	}
	return names
}

// needsJobs reports whether the project has jobs, or had some.
func (a *App) needsJobs(ctx context.Context) (bool, error) {
	if len(a.Project.Jobs) > 0 {
		return true, nil
	}
	states, err := a.slots().States(ctx)
	return len(states) > 0, err
}

// wakeJobs notifies the workflow of schedules that something has changed.
func (a *App) wakeJobs(ctx context.Context) error {
	return a.wake(ctx, flow.NewScheduler, &a.jobs.scheduler)
}

// followsJobs reports whether this process starts slots when they are due.
func (a *App) followsJobs() bool {
	a.starting.Lock()
	defer a.starting.Unlock()
	return a.jobs.scheduler != nil
}

// slotPoll is how often a command looks whether a slot has ended.
const slotPoll = 100 * time.Millisecond

// executeSlot executes a slot that waits, and returns it when it has ended. Where nothing follows the schedules, this process executes it.
func (a *App) executeSlot(ctx context.Context, j *project.Job, ref record.Ref, watch func(record.Slot)) (record.Slot, error) {
	if err := a.beginSlot(ctx, j, ref); err != nil {
		return record.Slot{}, err
	}
	ticker := time.NewTicker(slotPoll)
	defer ticker.Stop()
	for {
		s, err := a.slots().Get(ctx, ref)
		if err != nil {
			return s, err
		}
		if watch != nil {
			watch(s)
		}
		if !s.State.IsOpen() {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-ticker.C:
		}
	}
}

// beginSlot has a slot executed: by whoever follows the schedules, or by this process.
func (a *App) beginSlot(ctx context.Context, j *project.Job, ref record.Ref) error {
	if a.followsJobs() || a.shared.serves {
		return a.wakeJobs(ctx)
	}
	stop, err := a.startJobWorkers(ctx)
	if err != nil {
		return err
	}
	a.starting.Lock()
	a.closers = append(a.closers, func() error { return errors.Join(stop(), a.closeMail()) })
	a.starting.Unlock()
	if a.IsShared() {
		return a.wakeJobs(ctx)
	}
	begun, err := a.slots().Begin(ctx, a.Project.Jobs, j, ref)
	if err != nil {
		return err
	}
	if zone := cmp.Or(j.Zone, time.UTC); begun.State == slot.Waiting {
		return failure.Wrap(failure.Data, fmt.Errorf("%s waits for an earlier slot of its job, and nothing is up that executes it: start `bursar up`; `bursar job why %s %s` says more",
			ref.In(zone), ref.Job, ref.Due.In(zone).Format(time.RFC3339)))
	}
	starter, err := a.jobStarter(ctx)
	if err != nil {
		return err
	}
	return starter.Start(ctx, ref)
}

// closeMail closes the connections to the mail server.
func (a *App) closeMail() error {
	a.jobs.mu.Lock()
	defer a.jobs.mu.Unlock()
	if a.jobs.mail != nil {
		a.jobs.mail.Close()
		a.jobs.mail = nil
	}
	return nil
}
