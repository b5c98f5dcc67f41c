// Scheduled work of the warehouse: loads, models and the archive. The workflow of a process that is up executes what is due.

package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/flow"
	"bursar/internal/warehouse/load"
	models "bursar/internal/warehouse/model"
	"bursar/internal/warehouse/scheduled"
)

// scheduledTasks returns what has a schedule, in the order in which due tasks are executed: models read what was loaded.
func (a *App) scheduledTasks() *scheduled.Tasks {
	tasks := &scheduled.Tasks{Catalog: a.catalog, Now: time.Now}
	if !a.hasWarehouse() {
		return tasks
	}
	for _, l := range a.Project.Loads {
		if l.Schedule.IsZero() {
			continue
		}
		tasks.List = append(tasks.List, scheduled.Task{Name: "load " + l.Name, Schedule: l.Schedule, Execute: func(ctx context.Context) (string, error) {
			return a.loadDue(ctx, l.Name)
		}})
	}
	if s := a.Project.Config.Schedules.Models; !s.IsZero() {
		tasks.List = append(tasks.List, scheduled.Task{Name: "models", Schedule: s, Execute: a.runDueModels})
	}
	if s := a.Project.Config.Schedules.Archive; !s.IsZero() {
		tasks.List = append(tasks.List, scheduled.Task{Name: "archive", Schedule: s, Execute: a.archiveDue})
	}
	return tasks
}

func (a *App) loadDue(ctx context.Context, name string) (done string, err error) {
	r, err := a.Load(ctx, name, load.Options{})
	if err != nil {
		return "", err
	}
	return loadText(&r), nil
}

// loadText says what a load has done, and what a person should look at: nobody sees its result.
func loadText(r *load.Result) string {
	text := "nothing is new"
	if r.Number > 0 {
		text = fmt.Sprintf("%d objects, %d rows, %d rejected", r.Objects, r.Rows, r.Rejected)
	}
	for _, n := range []struct {
		count int64
		what  string
	}{
		{int64(len(r.LeftOut)), "left out"},
		{r.Changed.Count, "not as they were loaded"},
		{r.Vanished.Count, "loaded that do not exist any more"},
		{r.Removed.Count, "removed with their rows"},
		{r.Late.Count, "of periods that were passed"},
	} {
		if n.count > 0 {
			text += fmt.Sprintf("; %d %s", n.count, n.what)
		}
	}
	return text
}

func (a *App) runDueModels(ctx context.Context) (done string, err error) {
	runner, err := a.Models(ctx)
	if err != nil {
		return "", err
	}
	changed, err := runner.Changed(ctx)
	switch {
	case err != nil:
		return "", err
	case !changed:
		return "nothing has changed", nil
	}
	out, err := runner.Run(ctx, models.Options{})
	if err != nil { // it was undone
		return "", err
	}
	return strings.Join(append([]string{fmt.Sprintf("run %d of %d models", out.Run, len(out.Models))}, out.Warnings...), "; "), nil
}

// archiveDue moves the periods that have the declared ages.
func (a *App) archiveDue(ctx context.Context) (done string, err error) {
	moves, planErr := a.PlanArchive(ctx, ArchiveOptions{})
	if planErr != nil && len(moves) == 0 {
		return "", planErr
	}
	moved, err := a.MovePeriods(ctx, moves, func(archive.Move) {})
	done = fmt.Sprintf("%d periods were moved", len(moved))
	if err != nil && failure.Of(err).Retryable() {
		return done, errors.Join(err, planErr)
	}
	return done, errors.Join(planErr, err)
}

// ScheduledTasks returns what has a schedule, how its last execution ended, and what it waits for.
func (a *App) ScheduledTasks(ctx context.Context) ([]scheduled.Status, error) {
	return a.scheduledTasks().Status(ctx)
}

// startScheduling executes what becomes due, until stop. The worker of publishing must have been started. It does nothing if nothing has a
// schedule.
func (a *App) startScheduling(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	if len(a.scheduledTasks().List) == 0 {
		return stop, nil
	}
	a.starting.Lock()
	connection, err := a.connectTemporal(ctx)
	a.starting.Unlock()
	if err != nil {
		return stop, err
	}
	scheduler := flow.NewScheduler(connection.Client(), a.id, a.IsShared(), a.log)
	stop = func() error {
		pausing, cancel := context.WithTimeout(context.Background(), pauseTimeout)
		defer cancel()
		return scheduler.Unfollow(pausing)
	}
	return stop, scheduler.Follow(ctx)
}

// observedSchedule executes scheduled tasks and logs how they end.
type observedSchedule struct{ *App }

func (o observedSchedule) Due(ctx context.Context) (due []string, again time.Time, err error) {
	return o.scheduledTasks().Due(ctx)
}

func (o observedSchedule) Execute(ctx context.Context, task string) error {
	ctx, diskErr, endWatch := o.disk.watch(ctx)
	defer endWatch()
	outcome, err := o.scheduledTasks().Execute(ctx, task)
	switch {
	case err != nil:
		return errors.Join(diskErr(), err)
	case !outcome.Executed:
	case outcome.Err == nil:
		o.log.Info("executed by schedule", "task", task, "done", outcome.Done)
	case outcome.Retry.IsZero():
		o.log.Warn("a scheduled task has failed", "task", task, "error", outcome.Err)
	default:
		o.log.Warn("a scheduled task has failed; trying again", "task", task, "at", outcome.Retry, "error", outcome.Err)
	}
	return nil
}
