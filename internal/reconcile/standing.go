// What every question starts from, kept while nothing changes, and who reads in which generation.

package reconcile

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
)

// question is what a question needs: the compiled pipeline, still as its artifacts were made, and the generation, which
// is not dropped before done.
type question struct {
	plan    *fold.Plan
	printer *printer
	g       Generation
	refused error       // why nothing may be asked
	loaded  atomic.Bool // something is published, and the index was found to hold all of it
	changes uint64
	owner   *standing
}

// done ends the question.
func (q *question) done() { q.owner.leave(q.g.space()) }

// standing keeps questions by pipeline and counts readers by generation. The zero value is ready.
type standing struct {
	mu      sync.Mutex
	kept    map[string]*question
	readers map[artifact.Space]int
	left    chan struct{} // closed when a reader leaves; nil while nobody waits
}

// reading starts a question about what is published, once it is known that the index holds all of it.
func (e *Engine) reading(ctx context.Context, pipeline string) (*question, error) {
	q, err := e.entering(ctx, pipeline)
	if err != nil || q.loaded.Load() {
		return q, err
	}
	if q.g.Generation > 0 {
		err = e.checkLoaded(ctx, q.plan, q.g.space(), q.g.Published)
	}
	if err == nil {
		err = e.checkPublished(ctx, q)
	}
	if err != nil {
		q.done()
		return nil, err
	}
	q.loaded.Store(true)
	return q, nil
}

// entering starts a question that looks at the index itself.
func (e *Engine) entering(ctx context.Context, pipeline string) (*question, error) {
	for {
		q, err := e.question(ctx, pipeline)
		if err != nil {
			return nil, err
		}
		// A rebuild may have swapped, and looked for readers, between the look and the entry: then look again.
		e.standing.enter(q.g.space())
		again, err := e.question(ctx, pipeline)
		if err == nil && again.g.Generation == q.g.Generation {
			if q.refused == nil {
				return q, nil
			}
			err = q.refused
		}
		q.done()
		if err != nil {
			return nil, err
		}
	}
}

// question looks at a pipeline, or remembers what it saw if nothing was written since.
func (e *Engine) question(ctx context.Context, pipeline string) (*question, error) {
	counted, keep := e.Catalog.(catalog.Counted)
	var changes uint64
	if keep {
		changes = counted.Changes()
		if q := e.standing.find(pipeline, changes); q != nil {
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
	q := &question{plan: plan, printer: newPrinter(plan), g: g, changes: changes, owner: &e.standing}
	if q.refused, err = e.refusal(ctx, plan, &g); err != nil {
		return nil, err
	}
	if keep {
		e.standing.keep(pipeline, q)
	}
	return q, nil
}

// refusal is why nothing may be asked of a generation, nil if all may.
func (e *Engine) refusal(ctx context.Context, plan *fold.Plan, g *Generation) (refused, err error) {
	if g.Generation > 0 {
		refused = e.checkCurrent(ctx, plan, g)
		if refused == nil || !errors.As(refused, new(*ChangedError)) {
			return nil, refused
		}
		// A rebuild does not help where the events themselves were taken in by another declaration.
		return cmp.Or(e.checkDeclared(ctx, plan), refused), nil
	}
	state, err := e.state(ctx, plan.Pipeline.Name)
	return state.absent(plan.Pipeline.Name), err
}

// checkDeclared is checkStreams outside of a transaction.
func (e *Engine) checkDeclared(ctx context.Context, plan *fold.Plan) error {
	return e.Catalog.View(ctx, func(tx catalog.Tx) error { return checkStreams(tx, plan) })
}

func (s *standing) find(pipeline string, changes uint64) *question {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.kept[pipeline]; q != nil && q.changes == changes {
		return q
	}
	return nil
}

func (s *standing) keep(pipeline string, q *question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[string]*question{}
	}
	s.kept[pipeline] = q
}

func (s *standing) enter(space artifact.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == nil {
		s.readers = map[artifact.Space]int{}
	}
	s.readers[space]++
}

func (s *standing) leave(space artifact.Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers[space]--; s.readers[space] == 0 {
		delete(s.readers, space)
	}
	if s.left != nil {
		close(s.left)
		s.left = nil
	}
}

// unread waits until nobody reads in a generation that no new question finds.
func (s *standing) unread(ctx context.Context, space artifact.Space) error {
	for {
		s.mu.Lock()
		if s.readers[space] == 0 {
			s.mu.Unlock()
			return nil
		}
		if s.left == nil {
			s.left = make(chan struct{})
		}
		left := s.left
		s.mu.Unlock()
		select {
		case <-left:
		case <-ctx.Done():
			return fmt.Errorf("wait for readers of generation %d of %s: %w", space.Generation, space.Pipeline, ctx.Err())
		}
	}
}
