// Package app composes the packages below it into a running Bursar: it opens the state of a project folder in order and closes
// it in reverse. It is plain code and must not decide anything about events or artifacts.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/durable"
	"bursar/internal/event"
	"bursar/internal/event/feed"
	"bursar/internal/event/identity"
	"bursar/internal/event/live/spool"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/keyed"
	"bursar/internal/object"
	"bursar/internal/object/s3"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/flow"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/rebuild"
	"bursar/internal/reconcile/step"
	"bursar/internal/reconcile/verify"
	"bursar/internal/serve/access"
	"bursar/internal/temporal"
	"bursar/internal/warehouse"
)

// lockWait is how long a command waits for another process that has locked the project (DESIGN §7).
const lockWait = 10 * time.Second

// App is an open project, locked by this process. Its methods are safe for concurrent use.
type App struct {
	Project   *project.Project
	Events    *event.Store
	Engine    *reconcile.Engine // the stores that the next four work on
	Steps     *step.Executor
	Queries   *query.Reader
	Rebuilder *rebuild.Rebuilder
	Verifier  *verify.Verifier
	Tokens    *access.Tokens // of the HTTP API

	state       string // the state folder
	command     string // that has the project open
	catalog     verifiableCatalog
	index       artifact.Index
	cache       *object.Cache // of local copies; nil if the objects are in a folder
	bucket      *s3.Store     // nil if the objects are in a folder
	id          string        // of the project, in workflows of a cluster; empty in an embedded server
	spools      spool.Spools  // of all streams
	openErr     error         // why the state could not be opened; only set by OpenToVerify
	opened      bool          // the state was opened, and may have changed
	readOnly    bool          // the state is open for reading only
	differences []string      // unrepaired differences from the state at the last close
	losses      losses
	log         *slog.Logger
	runner      *flow.Runner   // set once Temporal is ready
	closers     []func() error // in the order of opening

	temporal      *temporal.Connection // nil until it is needed
	starting      sync.Mutex           // only one goroutine connects to the server, and starts workers
	watchers      watchers
	disk          diskMonitor
	pipelineLocks keyed.Mutex // one run or rebuild of a pipeline at a time
	streamLocks   keyed.Mutex // one intake of a stream at a time
	rebuilding    sync.Map    // pipelines that are being rebuilt
	importLock    keyed.Mutex // one import of statements at a time
	loadLocks     keyed.Mutex // one load of a name at a time
	followers     followers
	feed          *feed.Reader
	live          sync.Map // stream → *live.Intake, while the project is up
	shared        membership
	hooks         Hooks

	openingWarehouse keyed.Mutex        // with the key ""
	warehouse        warehouse.Database // nil until it is needed
	warehouseFaults  *ProjectError      // of loads and models; nil if there are none
	publishing       publishing
	jobs             jobs
	aggregation      aggregation

	adoptStorage  bool                        // a person said that the objects in the bucket are those of this catalog
	confirm       func(context.Context) error // fails once this process does not own the project; nil if its lock keeps others away
	renewIdentity bool                        // a person asked for a new identity key in place of the one that is missing

	maxConcurrentSteps int // steps that this process runs at a time
}

// Open checks a project folder and opens its state for a command. It returns a *ServedError if a running `bursar up` has the
// project, to which the command should be forwarded. A catalog that is older than the objects is refused.
func Open(ctx context.Context, dir, command string, log *slog.Logger) (*App, error) {
	return openProject(ctx, dir, command, log, func(_ *App, err error) error { return err })
}

// openProject is Open; it calls unwritable if the disk cannot be written.
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
		if err := eventverify.CheckCatalog(ctx, a.Events, s.Name); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// lockProject checks a project folder and locks it for a command. It does not open the state.
func lockProject(ctx context.Context, dir, command string, log *slog.Logger) (*App, error) {
	if err := Served(dir); err != nil {
		return nil, err
	}
	p, err := Check(ctx, dir)
	var faults *ProjectError
	var warehouseFaults *ProjectError
	if errors.As(err, &faults) && !faults.refuses(command) {
		warehouseFaults = faults.ofWarehouse()
		log.Warn("the project's declarations are refused by the commands that need them; bursar check lists the faults", "error", faults)
	} else if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find project folder: %w", err)
	}
	a := &App{Project: p, warehouseFaults: warehouseFaults, state: filepath.Join(root, ".bursar"), command: command, log: log}
	if p.Config.HasSeveralProcesses() {
		if err := durable.MakeFolder(a.state); err != nil {
			return nil, fmt.Errorf("create the folder of local files: %w", err)
		}
		return a, restrictModes(a.state)
	}
	release, err := Lock(ctx, root, command, lockWait)
	if err != nil {
		return nil, err
	}
	a.closers = []func() error{release, a.recordClosedState, func() error { return restrictModes(a.state) }}
	a.compareWithClosed(command == verifyCommand || command == repairCommand)
	if err := restrictModes(a.state); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// The commands that accept a project with a damaged state.
const (
	verifyCommand = "verify"
	repairCommand = "repair"
)

// open opens the stores and composes the engines on them.
func (a *App) open(ctx context.Context) error {
	if err := a.removeClosedState(); err != nil {
		return err
	}
	a.opened = true
	scratch, err := a.openScratch()
	if err != nil {
		return err
	}
	objects, err := a.openObjects(ctx, scratch)
	if err != nil {
		return err
	}
	if a.catalog, err = a.openCatalog(ctx); err != nil {
		return err
	}
	if err := a.checkMarker(ctx); err != nil {
		return err
	}
	if a.index, err = a.openIndex(ctx); err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { return a.index.Close() }) // repair may replace it
	secret, err := a.openSecret(ctx)
	if err != nil {
		return err
	}
	a.compose(objects, a.catalog, scratch, secret)
	a.closers = append(a.closers, a.closeWarehouse)
	return a.sweep(ctx)
}

// minStepMemory is the minimum memory of a step in bytes, unless the project's memory is smaller.
const minStepMemory = 256 << 20

// stepLimits returns how many steps run at a time, by cores and memory, and the memory of each.
func stepLimits(threads int, memory string) (concurrent int, each string) {
	bytes := duck.ParseMemory(memory)
	concurrent = int(max(1, min(int64(threads), bytes/minStepMemory)))
	return concurrent, duck.MemoryText(bytes / int64(concurrent))
}

// compose creates the intake and the engine on the stores.
func (a *App) compose(objects object.Local, records catalog.Catalog, scratch string, secret *identity.File) {
	o := duck.Options{
		Memory: a.Project.Config.Memory, Threads: a.Project.Config.Threads,
		Scratch: scratch, Dirs: []string{filepath.Join(a.state, "objects"), cacheFolder(a.state)},
	}
	if o.Memory == "" {
		o.Memory = "1GB"
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	a.Events = &event.Store{Objects: objects, Catalog: records, Scratch: scratch, Duck: o, Workers: o.Threads, Now: time.Now, Log: a.log, Secret: secret}
	a.feed = feed.New(a.Events)
	step := o
	if a.spools = spool.Spools(spool.Folders(filepath.Join(a.state, "spool"))); a.Project.Config.IsShared() {
		a.spools = spool.InObjects(objects)
	}
	a.maxConcurrentSteps, step.Memory = stepLimits(o.Threads, o.Memory)
	a.Tokens = &access.Tokens{Catalog: records}
	a.reconcileOn(&reconcile.Engine{
		Project: a.Project, Objects: objects, Catalog: records, Index: a.index,
		Duck: step, Scratch: scratch, Workers: o.Threads, Now: time.Now, Log: a.log,
		Shared: a.Project.Config.IsShared(),
	})
}

// reconcileOn makes everything that reconciles work on an engine's stores.
func (a *App) reconcileOn(e *reconcile.Engine) {
	a.Engine, a.Steps, a.Queries = e, step.New(e), query.New(e)
	a.Rebuilder, a.Verifier = rebuild.New(a.Queries), verify.New(a.Queries)
}

// emptyFolder creates a folder for temporary files and removes those of a killed process.
func emptyFolder(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("empty scratch folder: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("create scratch folder: %w", err)
	}
	return nil
}

// IsIn reports whether dir is the project's folder.
func (a *App) IsIn(dir string) bool {
	projectInfo, err := os.Stat(filepath.Dir(a.state))
	if err != nil {
		return false
	}
	dirInfo, err := os.Stat(dir)
	return err == nil && os.SameFile(projectInfo, dirInfo)
}

// Close closes everything in reverse order of opening.
func (a *App) Close() error {
	var all error
	for len(a.closers) > 0 {
		last := len(a.closers) - 1
		all = errors.Join(all, a.closers[last]())
		a.closers = a.closers[:last]
	}
	return all
}
