// Caches the snapshot that a query starts from and counts readers per generation, so that a rebuild does not delete what is
// being read.

package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/fold"
	"bursar/internal/reconcile/index"
	"bursar/internal/reconcile/runs"
)

// Snapshot is what a query needs: the compiled pipeline, checked to be the one that the artifacts were made with, and the
// generation, which is not dropped before release.
type Snapshot struct {
	Plan       *fold.Plan
	printer    *Printer
	Generation runs.Generation
	refusal    error       // why the artifacts cannot be read; nil if they can
	loaded     atomic.Bool // a run is published, and the index was checked to hold all of it
	changes    uint64
	cache      *snapshotCache
}

// Release ends the query.
func (q *Snapshot) Release() { q.cache.removeReader(q.Generation.Space()) }

// snapshotCache holds snapshots by pipeline and counts readers by generation. The zero value is ready to use.
type snapshotCache struct {
	mu         sync.Mutex
	byPipeline map[string]*Snapshot
	readers    map[artifact.Space]*generationReaders
	readerLeft chan struct{} // closed when a reader leaves; nil while nobody waits
}

// generationReaders are the readers of a generation.
type generationReaders struct {
	count   int
	awaited context.Context // ends when somebody waits until there are none
	await   context.CancelFunc
}

// openSnapshot starts a query on published artifacts. It first checks that the index holds all of them.
func (e *Reader) openSnapshot(ctx context.Context, pipeline string) (*Snapshot, error) {
	for {
		q, err := e.OpenWithoutIndex(ctx, pipeline)
		if err != nil || q.loaded.Load() {
			return q, err
		}
		if err = e.checkLoaded(ctx, q); err == nil {
			q.loaded.Store(true)
			return q, nil
		}
		q.Release()
		if ctx.Err() != nil || !e.Shared || !e.isReplaced(ctx, q) {
			return nil, err
		}
	}
}

func (e *Reader) checkLoaded(ctx context.Context, q *Snapshot) error {
	if q.Generation.Generation > 0 {
		if err := index.CheckLoaded(ctx, e.Engine, q.Plan, q.Generation.Space(), q.Generation.Published); err != nil {
			return err
		}
	}
	return e.checkPublished(ctx, q)
}

// OpenWithoutIndex starts a query that does not rely on the index.
func (e *Reader) OpenWithoutIndex(ctx context.Context, pipeline string) (*Snapshot, error) {
	for {
		q, err := e.loadSnapshot(ctx, pipeline)
		if err != nil {
			return nil, err
		}
		// A rebuild may have swapped generations and counted readers between the load and addReader: load again to be sure.
		e.snapshots.addReader(q.Generation.Space())
		again, err := e.loadSnapshot(ctx, pipeline)
		if err == nil && again.Generation.Generation == q.Generation.Generation {
			if q.refusal == nil {
				return q, nil
			}
			err = q.refusal
		}
		q.Release()
		if err != nil {
			return nil, err
		}
	}
}

// loadSnapshot reads a pipeline from the catalog, or returns the cached snapshot if the catalog has not changed since.
func (e *Reader) loadSnapshot(ctx context.Context, pipeline string) (*Snapshot, error) {
	counted, cacheable := e.Catalog.(catalog.Counted)
	var changes uint64
	if cacheable {
		changes = counted.Changes()
		if q := e.snapshots.get(pipeline, changes); q != nil {
			return q, nil
		}
	}
	g, err := e.Current(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	q := &Snapshot{Plan: plan, printer: NewPrinter(plan), Generation: g, changes: changes, cache: &e.snapshots}
	if q.refusal, err = e.checkReadable(ctx, plan, &g); err != nil {
		return nil, err
	}
	if cacheable {
		e.snapshots.put(pipeline, q)
	}
	return q, nil
}

// checkReadable returns why a generation must not be read, nil if it may be read.
func (e *Reader) checkReadable(ctx context.Context, plan *fold.Plan, g *runs.Generation) (refused, err error) {
	if g.Generation > 0 {
		refused = e.Catalog.View(ctx, func(tx catalog.Tx) error { return runs.CheckCurrent(tx, plan, g) })
		if refused == nil || !errors.As(refused, new(*runs.ChangedError)) {
			return nil, refused
		}
		// A rebuild does not help if the events themselves were ingested with another stream definition.
		return cmp.Or(e.CheckStreams(ctx, plan), refused), nil
	}
	state, _, err := runs.ReadState(ctx, e.Catalog, plan.Pipeline.Name)
	return state.Missing(plan.Pipeline.Name), err
}

func (s *snapshotCache) get(pipeline string, changes uint64) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.byPipeline[pipeline]; q != nil && q.changes == changes {
		return q
	}
	return nil
}

func (s *snapshotCache) put(pipeline string, q *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byPipeline == nil {
		s.byPipeline = map[string]*Snapshot{}
	}
	s.byPipeline[pipeline] = q
}

func (s *snapshotCache) forget(pipeline string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byPipeline, pipeline)
}

func (s *snapshotCache) addReader(space artifact.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == nil {
		s.readers = map[artifact.Space]*generationReaders{}
	}
	if s.readers[space] == nil {
		awaited, await := context.WithCancel(context.Background())
		s.readers[space] = &generationReaders{0, awaited, await}
	}
	s.readers[space].count++
}

func (s *snapshotCache) removeReader(space artifact.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	readers := s.readers[space]
	if readers.count--; readers.count == 0 {
		readers.await()
		delete(s.readers, space)
	}
	if s.readerLeft != nil {
		close(s.readerLeft)
		s.readerLeft = nil
	}
}

// errAwaited ends what reads a generation that is about to be removed.
var errAwaited = errors.New("the generation was replaced")

// untilAwaited returns the context of a reader of a generation, which ends with the cause errAwaited when somebody waits for its readers.
func (s *snapshotCache) untilAwaited(ctx context.Context, space artifact.Space) (reading context.Context, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reading, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.readers[space].awaited, func() { cancel(errAwaited) })
	return reading, func() {
		stop()
		cancel(nil)
	}
}

// awaitNoReaders waits until nobody reads a generation. No new query may find that generation any more.
func (s *snapshotCache) awaitNoReaders(ctx context.Context, space artifact.Space) error {
	for {
		s.mu.Lock()
		readers := s.readers[space]
		if readers == nil {
			s.mu.Unlock()
			return nil
		}
		readers.await()
		if s.readerLeft == nil {
			s.readerLeft = make(chan struct{})
		}
		left := s.readerLeft
		s.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
			return fmt.Errorf("wait for readers of generation %d of %s: %w", space.Generation, space.Pipeline, ctx.Err())
		}
	}
}
