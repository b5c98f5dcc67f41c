// Package app composes the rooms into a running Bursar: it opens a project folder's state in order and closes it in
// reverse. It is plain code and decides nothing about events or artifacts.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/keyed"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/serve/access"
)

// lockWait is how long a command waits for another that holds the project (DESIGN §7).
const lockWait = 10 * time.Second

// App is an open project folder, held by this process alone. Its methods are safe for concurrent use once it is open.
type App struct {
	Project *project.Project
	Intake  *event.Intake
	Engine  *reconcile.Engine
	Tokens  *access.Tokens // of the HTTP API

	state       string // the folder of all state
	catalog     verifiableCatalog
	index       *projectIndex
	openErr     error    // why the state could not be opened, where that is to be verified or repaired
	opened      bool     // the state was opened
	differences []string // differences from how the project was left that are not mended
	losses      losses
	log         *slog.Logger
	runner      *reconcile.WorkflowRunner // once Temporal serves
	closers     []func() error            // in the order of opening

	temporal      string     // the server's address
	starting      sync.Mutex // one starts the server
	watchers      watchers
	disk          diskMonitor
	pipelineLocks keyed.Mutex // one run or rebuild of a pipeline at a time
	streamLocks   keyed.Mutex // one intake of a stream at a time
	rebuilding    sync.Map    // pipelines whose next generation is being made
	importLock    keyed.Mutex // one import of statements at a time
	followers     followers
	live          liveIntakes
	hooks         Hooks

	maxConcurrentSteps int // steps of runs that this process works on at a time
}

// verifiableCatalog is a catalog that is verified to the last document.
type verifiableCatalog interface {
	catalog.Catalog
	Verify(ctx context.Context) (documents int, err error)
}

// ProjectError holds all faults of a project folder: exit code 2.
type ProjectError struct{ Errors []project.Error }

func (e *ProjectError) Error() string { return project.Faults(e.Errors).Error() }

// Class is Data: the same folder has the same faults.
func (e *ProjectError) Class() failure.Class { return failure.Data }

// ExitCode is 2 (DESIGN §7).
func (e *ProjectError) ExitCode() int { return 2 }

// AcceptCommand is `bursar quarantine --accept`, which rebuilds pipelines.
const AcceptCommand = "quarantine --accept"

// refuses reports whether a command cannot be carried out on a project with these faults. What earlier versions took a project
// for stays readable, and events are taken in; only results of such declarations are not carried on.
func (e *ProjectError) refuses(command string) bool {
	if command == "run" || command == "rebuild" || command == "retract" || command == AcceptCommand || command == "up" {
		return true
	}
	return slices.ContainsFunc(e.Errors, func(fault project.Error) bool { return !fault.Stored })
}

// checkOptions is what SQL is bound on when a project is checked: where something is carried out it is given little.
var checkOptions = duck.Options{Threads: 1, Memory: "256MB"}

func openCheckSession() (*duck.Session, error) { return duck.Open(checkOptions) }

// Check reads a project folder and binds its SQL, without touching state.
func Check(ctx context.Context, dir string) (*project.Project, error) {
	p, errs := project.Read(dir)
	session, err := openCheckSession()
	if err != nil {
		return nil, err
	}
	defer session.Close()
	errs = append(errs, project.Check(ctx, p, session)...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(errs) > 0 {
		return p, &ProjectError{errs}
	}
	return p, nil
}

// Open checks a project folder and opens its state for the given command. When a running `bursar up` has the project, a
// *ServedError says so: it is the one to carry commands out. A catalog that is older than the objects is refused.
func Open(ctx context.Context, dir, command string, log *slog.Logger) (*App, error) {
	return openProject(ctx, dir, command, log, func(_ *App, err error) error { return err })
}

// openProject is Open with what is done about a disk that cannot be written.
func openProject(ctx context.Context, dir, command string, log *slog.Logger, unwritable func(*App, error) error) (_ *App, err error) {
	a, err := lockProject(ctx, dir, command, log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err = probeWritable(a.state); err != nil {
		err = unwritable(a, err)
	} else {
		err = a.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	for _, s := range a.Project.AllStreams() {
		if err := a.Intake.CheckKnown(ctx, s.Name); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// lockProject checks a project folder and takes it for a command; its state is still to be opened.
func lockProject(ctx context.Context, dir, command string, log *slog.Logger) (*App, error) {
	if err := Served(dir); err != nil {
		return nil, err
	}
	p, err := Check(ctx, dir)
	var faults *ProjectError
	if errors.As(err, &faults) && !faults.refuses(command) {
		log.Warn("the project's declarations are refused by run, rebuild, retract and up; bursar check lists the faults", "error", faults)
	} else if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find project folder: %w", err)
	}
	release, err := Lock(ctx, root, command, lockWait)
	if err != nil {
		return nil, err
	}
	a := &App{Project: p, state: filepath.Join(root, ".bursar"), log: log}
	a.closers = []func() error{release, a.recordClosedState, func() error { return restrictModes(a.state) }}
	a.compareWithClosed(command == verifyCommand || command == repairCommand)
	if err := restrictModes(a.state); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// The commands that take a project whose state may be damaged.
const (
	verifyCommand = "verify"
	repairCommand = "repair"
)

// open opens the stores, then what works on them.
func (a *App) open(ctx context.Context) error {
	if err := a.removeClosedState(); err != nil {
		return err
	}
	a.opened = true
	scratch := filepath.Join(a.state, "scratch")
	if err := emptyFolder(scratch); err != nil {
		return err
	}
	objects := object.NewFolder(filepath.Join(a.state, "objects"))
	if err := objects.Clean(); err != nil {
		return err
	}
	records, err := catalog.Open(filepath.Join(a.state, "catalog.db"))
	if err != nil {
		return err
	}
	a.catalog = records
	a.closers = append(a.closers, records.Close)
	if a.index, err = openIndex(indexFolder(a.state)); err != nil {
		return err
	}
	a.closers = append(a.closers, a.index.Close)
	secret, err := event.OpenSecret(ctx, records, filepath.Join(a.state, "identity.key"))
	if err != nil {
		return err
	}
	a.compose(objects, records, a.index, scratch)
	a.Intake.Secret = secret
	return nil
}

// minStepMemory is what a step gets at least, where the project's memory is enough for one.
const minStepMemory = 256 << 20

// stepLimits says how many steps of runs work at a time, by cores and memory, and the memory of each.
func stepLimits(threads int, memory string) (concurrent int, each string) {
	bytes := duck.Bytes(memory)
	concurrent = int(max(1, min(int64(threads), bytes/minStepMemory)))
	return concurrent, duck.MemoryText(bytes / int64(concurrent))
}

// compose makes the rooms from their stores.
func (a *App) compose(objects reconcile.Store, records catalog.Catalog, index artifact.Index, scratch string) {
	o := duck.Options{
		Memory: a.Project.Config.Memory, Threads: a.Project.Config.Threads,
		Scratch: scratch, Dirs: []string{filepath.Join(a.state, "objects")},
	}
	if o.Memory == "" {
		o.Memory = "1GB"
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	a.Intake = &event.Intake{Objects: objects, Catalog: records, Scratch: scratch, Duck: o, Workers: o.Threads, Now: time.Now, Log: a.log}
	step := o
	a.maxConcurrentSteps, step.Memory = stepLimits(o.Threads, o.Memory)
	a.Tokens = &access.Tokens{Catalog: records}
	a.Engine = &reconcile.Engine{
		Project: a.Project, Objects: objects, Catalog: records, Index: index,
		Duck: step, Scratch: scratch, Workers: o.Threads, Now: time.Now, Log: a.log,
	}
}

// emptyFolder makes a folder of temporary files and removes what a killed process left in it.
func emptyFolder(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("empty scratch folder: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make scratch folder: %w", err)
	}
	return nil
}

// IsIn reports whether the project lies in dir.
func (a *App) IsIn(dir string) bool {
	projectInfo, err := os.Stat(filepath.Dir(a.state))
	if err != nil {
		return false
	}
	dirInfo, err := os.Stat(dir)
	return err == nil && os.SameFile(projectInfo, dirInfo)
}

// Close closes what was opened, in reverse.
func (a *App) Close() error {
	var all error
	for len(a.closers) > 0 {
		last := len(a.closers) - 1
		all = errors.Join(all, a.closers[last]())
		a.closers = a.closers[:last]
	}
	return all
}
