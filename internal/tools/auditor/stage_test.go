// The stage: a composition of the rooms over stores that fail on purpose, and the model beside it.

package auditor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/identity"
	"bursar/internal/event/ids"
	"bursar/internal/fault"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/project/bind"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/step"
)

// stage is one case being carried out.
type stage struct {
	t       *testing.T
	c       *Case
	dir     string
	streams []*Stream // as declared now
	model   *Model
	log     []func(*Model) // what was done to the model
	project *project.Project
	clock   atomic.Int64

	random   *rand.Rand
	calm     bool // nothing is disturbed
	faults   int  // still to come
	armed    bool // one is ahead
	crash    bool // the armed one ends the process
	harms    int  // damages still to come
	mends    int  // remedies that were applied
	damage   *damage
	copied   *copied // to be put back later
	rolled   bool    // the catalog is older than objects, so some are named by nobody
	lagged   bool    // an attempt may have left a delta or state behind
	plan     *fault.Plan
	intake   *event.Store
	remote   *remote // stores on servers, or nil
	engine   *reconcile.Engine
	executor *step.Executor
	reader   *query.Reader
	close    func() error

	other        *step.Executor // for late attempts
	otherCatalog *delayedCatalog

	step     int
	versions []version // what was exported after runs of this generation
}

// version is an export as of a run.
type version struct {
	run  uint64
	text string
}

// newStage writes a case's project in memory-backed storage if there is some, as every object is fsynced.
func newStage(t *testing.T, c *Case, faults int) *stage {
	t.Helper()
	return stageIn(t, shmDir(t), c, faults, 0)
}

// stageIn makes the stage in an empty folder. Cases that are played in one folder, one after another, share sessions of
// DuckDB, which are kept by the folders that they may read.
func stageIn(t *testing.T, dir string, c *Case, faults, harms int) *stage {
	t.Helper()
	return stageOn(t, nil, dir, c, faults, harms)
}

// stageOn is stageIn with the stores on servers, if they are given.
func stageOn(t *testing.T, stores *remote, dir string, c *Case, faults, harms int) *stage {
	t.Helper()
	s := &stage{
		t: t, c: c, dir: dir, remote: stores, streams: slices.Clone(c.Streams), model: NewModel(c.Streams, c.Pipeline), harms: harms,
		random: rand.New(rand.NewPCG(c.Seed, 2)), calm: faults == 0, faults: faults, plan: fault.NewPlan(),
	}
	s.declare()
	s.open()
	s.arm()
	return s
}

// shmDir is a folder of the test's own.
func shmDir(t *testing.T) string {
	t.Helper()
	const memoryDir = "/dev/shm"
	if info, err := os.Stat(memoryDir); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memoryDir, "bursar-auditor-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fatalf ends the case, naming the seed and the step.
func (s *stage) fatalf(format string, args ...any) {
	s.t.Helper()
	what := "end"
	if s.step < len(s.c.Steps) {
		what = string(s.c.Steps[s.step].Action)
	}
	var declared strings.Builder
	for _, stream := range s.streams {
		declared.WriteString(stream.YAML() + "\n")
	}
	s.t.Fatalf("seed %d, step %d (%s): %s\nreplay: SEED=%d go test -run TestAuditor ./internal/tools/auditor\n%s%s",
		s.c.Seed, s.step, what, fmt.Sprintf(format, args...), s.c.Seed, &declared, s.c.Pipeline.YAML())
}

// stream is a stream as it is declared now.
func (s *stage) stream(name string) *Stream {
	return s.streams[slices.IndexFunc(s.streams, func(o *Stream) bool { return o.Name == name })]
}

// state is the folder of the stores.
func (s *stage) state() string { return filepath.Join(s.dir, ".bursar") }

// steady reports whether no fault is ahead.
func (s *stage) steady() bool { return !s.armed }

// declare writes the project folder and checks it as `bursar check` does.
func (s *stage) declare() {
	s.t.Helper()
	if err := Write(s.dir, s.streams, s.c.Pipeline); err != nil {
		s.t.Fatal(err)
	}
	p, errs := project.Read(s.dir)
	session, err := duck.Open(duck.Options{Threads: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	defer session.Close()
	errs = append(errs, bind.Check(s.t.Context(), p, session)...)
	if len(errs) > 0 {
		s.fatalf("the project has faults: %v", errs)
	}
	s.project = p
}

// open composes the rooms as a new process does.
func (s *stage) open() {
	s.t.Helper()
	state := s.state()
	scratch := filepath.Join(state, "scratch")
	if err := errors.Join(os.RemoveAll(scratch), os.MkdirAll(scratch, 0o750)); err != nil {
		s.t.Fatal(err)
	}
	if s.remote != nil {
		s.openRemote(scratch)
		return
	}
	folder := object.NewFolder(filepath.Join(state, "objects"))
	if err := folder.Clean(); err != nil {
		s.fatalf("clean objects: %v", err)
	}
	records, err := catalog.OpenSQLite(filepath.Join(state, "catalog.db"))
	if err != nil {
		s.fatalf("open catalog: %v", err)
	}
	index, err := artifact.OpenPebble(filepath.Join(state, "index"), indexCache)
	damaged := s.damage != nil && errors.Is(err, artifact.ErrIndexDamaged) && remedyIn(err) == s.damage.remedies[0]
	if damaged { // the project opens all the same, and `bursar repair` makes another
		s.damage = nil
		if err = os.RemoveAll(filepath.Join(state, "index")); err == nil {
			index, err = artifact.OpenPebble(filepath.Join(state, "index"), indexCache)
		}
	}
	if err != nil {
		s.fatalf("open index: %v", err)
	}
	s.close = func() error { return errors.Join(index.Close(), records.Close()) }
	s.compose(folder, folder.Path(""), records, index, scratch)
	if damaged {
		s.reload()
	}
}

// indexCache is enough for a case, in bytes.
const indexCache = 1 << 20

// compose puts the engines on the stores. Local files of objects are in a folder.
func (s *stage) compose(objects object.Local, folder string, records catalog.Catalog, index artifact.Index, scratch string) {
	objects = fault.Objects(objects, s.plan)
	o := duck.Options{Memory: "200MB", Threads: 1, Scratch: scratch, Dirs: []string{folder}}
	secret, err := ids.OpenSecret(context.Background(), records, identity.InFile(filepath.Join(s.state(), "identity.key")))
	if err != nil {
		s.t.Fatal(err)
	}
	records, index = fault.Catalog(records, s.plan), fault.Index(index, s.plan)
	log := slog.New(slog.DiscardHandler)
	s.intake = &event.Store{Objects: objects, Catalog: records, Secret: secret, Scratch: scratch, Duck: o, Workers: 2, Now: s.now, Log: log, Shared: s.remote != nil}
	s.other = nil
	s.engine = &reconcile.Engine{
		Project: s.project, Objects: objects, Catalog: records, Index: index, Duck: o,
		Scratch: scratch, Workers: 2, Now: s.now, Log: log, Shared: s.remote != nil,
	}
	s.executor, s.reader = step.New(s.engine), query.New(s.engine)
}

// now is a clock that goes on by a second with every look.
func (s *stage) now() time.Time { return time.Unix(1_700_000_000+s.clock.Add(1), 0) }

// reopen closes what is open and opens it again, as one process does after another.
func (s *stage) reopen() {
	s.t.Helper()
	s.shut()
	s.open()
}

func (s *stage) shut() {
	s.t.Helper()
	if err := s.close(); err != nil {
		s.fatalf("close: %v", err)
	}
}

// arm puts the next fault somewhere ahead.
func (s *stage) arm() {
	if s.armed = s.faults > 0; !s.armed {
		s.plan.FailAt(0, fault.Before)
		return
	}
	s.faults--
	mode := fault.Mode(s.random.IntN(4)) // before or after the effect, with or without the death of the process
	s.crash = mode&fault.Crash != 0
	reach := []int{8, 30, 120}[s.random.IntN(3)]
	s.plan.FailAt(s.plan.Calls()+1+s.random.IntN(reach), mode)
}

// carry repeats what a fault cuts short until it is done, and reports whether it was cut short.
func (s *stage) carry(do func(ctx context.Context) error) (disturbed bool) {
	s.t.Helper()
	for {
		err := do(s.t.Context())
		if !s.plan.Fired() {
			switch {
			case err == nil:
				return disturbed
			case s.damage == nil:
				s.fatalf("%v", err)
			}
			s.mend(err)
			continue
		}
		if s.crash {
			s.plan = fault.NewPlan() // nothing of the dead process goes on
			s.reopen()
		}
		s.arm()
		if err == nil {
			return disturbed
		}
		disturbed = true
	}
}
