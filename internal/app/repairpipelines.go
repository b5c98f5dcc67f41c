// Repair of pipelines: reloads their index from parts, and rebuilds their artifacts from events.

package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/object"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/index"
	"bursar/internal/reconcile/rebuild"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/verify"
)

// repairPipelines reloads the index or rebuilds the artifacts of pipelines that fail verification.
func (r *repairer) repairPipelines(ctx context.Context) error {
	if err := r.reloadIndex(ctx); err != nil {
		return err
	}
	for _, p := range r.Project.Pipelines {
		if err := r.repairPipeline(ctx, p.Name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// removeNextGeneration removes what has the names of a generation that is not created yet: leftovers of another catalog, which only
// a shared project refuses.
func (r *repairer) removeNextGeneration(ctx context.Context, name string) error {
	if !r.Project.Config.IsShared() {
		return nil
	}
	state, _, err := runs.ReadState(ctx, r.Engine.Catalog, name)
	if err != nil {
		return err
	}
	return r.Engine.Remove(ctx, artifact.Space{Pipeline: name, Generation: state.Next()})
}

// repairPipeline rebuilds a damaged pipeline as a new generation and switches to it. If the pipeline's records in the catalog
// are damaged, so that its artifacts cannot be read, they are removed first. Nothing is rebuilt while events or a retraction
// are missing.
func (r *repairer) repairPipeline(ctx context.Context, name string) error {
	records := r.Verifier.CheckRecords(ctx, name)
	fault := records
	if fault == nil {
		fault = r.pipelineFault(ctx, name)
	}
	switch {
	case isTemporary(fault) || ctx.Err() != nil:
		return errors.Join(fault, ctx.Err())
	case fault == nil:
		return r.removeNextGeneration(ctx, name)
	case errors.As(fault, new(*runs.ChangedError)):
		r.reportBroken(fault)
		return nil
	case r.missing != "":
		r.reportBroken(fmt.Errorf("%s is not rebuilt while %s missing: %w", name, r.missing, fault))
		return nil
	}
	if records != nil {
		if err := r.forget(ctx, name); err != nil {
			return err
		}
	}
	if err := r.removeNextGeneration(ctx, name); err != nil {
		return err
	}
	made, err := r.rebuild(ctx, name)
	if err != nil {
		r.reportBroken(fmt.Errorf("rebuild %s: %w", name, err))
		return nil
	}
	r.report("rebuilt %s of %s from its events: %v", reconcile.Plural(made.Rows, "artifact"), name, fault)
	return nil
}

// rebuild is Rebuild. An index that was not looked at, because a part is damaged as well, may be damaged where the rebuild writes: it is replaced
// first then.
func (r *repairer) rebuild(ctx context.Context, name string) (rebuild.Result, error) {
	made, err := r.Rebuild(ctx, name)
	if !errors.Is(err, artifact.ErrIndexDamaged) || r.indexReplaced {
		return made, err
	}
	if err := r.replaceDamagedIndex(); err != nil {
		return made, err
	}
	r.loadIndex(ctx)
	return r.Rebuild(ctx, name)
}

// forget removes the records and index entries of a pipeline. A damaged index cannot drop entries, so it is replaced first.
func (r *repairer) forget(ctx context.Context, name string) error {
	err := r.Rebuilder.Forget(ctx, name)
	if !errors.Is(err, artifact.ErrIndexDamaged) || r.indexReplaced {
		return err
	}
	if err := r.replaceDamagedIndex(); err != nil {
		return err
	}
	r.loadIndex(ctx)
	return r.Rebuilder.Forget(ctx, name)
}

// isTemporary reports whether an error says nothing about the stored data, but comes from the disk, memory or another process.
func isTemporary(err error) bool {
	return object.IsUnavailable(err) && !errors.Is(err, artifact.ErrIndexDamaged)
}

// reloadIndex reloads the index of all pipelines from the parts of their runs if the index of one is damaged or was replaced:
// all are in one store. A pipeline whose index cannot be reloaded is rebuilt later.
func (r *repairer) reloadIndex(ctx context.Context) error {
	faulty := r.indexReplaced
	for _, p := range r.Project.Pipelines {
		found, err := r.indexFault(ctx, p.Name)
		if err != nil {
			return err
		}
		faulty = faulty || found
	}
	if !faulty || ctx.Err() != nil {
		return ctx.Err()
	}
	if !r.indexReplaced {
		if err := r.replaceDamagedIndex(); err != nil {
			return err
		}
	}
	r.loadIndex(ctx)
	return ctx.Err()
}

// loadIndex loads the index entries of all pipelines from the parts of their runs. A pipeline for which this fails is rebuilt later.
func (r *repairer) loadIndex(ctx context.Context) {
	for _, p := range r.Project.Pipelines {
		if entries, err := index.Repair(ctx, r.Engine, p.Name); err == nil && entries > 0 {
			r.report("reloaded the index of %s: %s", p.Name, reconcile.Plural(entries, "record"))
		}
	}
}

// indexFault reports whether only the index of a pipeline is damaged or older than the catalog, and not what it is made from.
func (r *repairer) indexFault(ctx context.Context, name string) (bool, error) {
	proof, err := r.Verifier.Verify(ctx, name, verify.Options{})
	if isTemporary(err) {
		return false, err
	}
	for _, c := range proof.Checks { // empty if the pipeline cannot be verified; it is repaired later
		if !c.OK && isTemporary(c.Err) {
			return false, c.Err
		}
		if !c.OK {
			return strings.HasPrefix(c.Name, "index") && r.Verifier.CheckRecords(ctx, name) == nil, nil
		}
	}
	return false, nil
}

// pipelineFault returns a fault of a pipeline that a rebuild may repair, or why the pipeline cannot be verified; nil if it is
// undamaged.
func (r *repairer) pipelineFault(ctx context.Context, name string) error {
	proof, err := r.Verifier.Verify(ctx, name, verify.Options{Sample: r.options.Sample})
	if err != nil {
		return err
	}
	for _, c := range proof.Checks {
		switch {
		case c.OK:
		case isTemporary(c.Err):
			return c.Err
		case remedyOf(&c) == repairRemedy: // data that is not derived cannot be rebuilt
			return fmt.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	return nil
}
