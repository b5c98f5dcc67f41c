// Repair of pipelines: their index from parts, their artifacts from events.

package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/reconcile"
)

// repairPipelines makes the index or the artifacts of pipelines again that do not verify.
func (r *repair) repairPipelines(ctx context.Context) error {
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

// repairPipeline makes the artifacts of a pipeline again beside those that are there, and takes them over when they are whole. Only of one whose
// records are damaged, so that its artifacts cannot be read, these are forgotten first. While events or a retraction are missing
// nothing is made.
func (r *repair) repairPipeline(ctx context.Context, name string) error {
	records := r.Engine.CheckRecords(ctx, name)
	fault := records
	if fault == nil {
		fault = r.pipelineFault(ctx, name)
	}
	switch {
	case isTemporary(fault) || ctx.Err() != nil:
		return errors.Join(fault, ctx.Err())
	case fault == nil:
		return nil
	case errors.As(fault, new(*reconcile.ChangedError)):
		r.reportBroken(fault)
		return nil
	case r.missing != "":
		r.reportBroken(fmt.Errorf("%s is not made again while %s missing: %w", name, r.missing, fault))
		return nil
	}
	if records != nil {
		if err := r.forget(ctx, name); err != nil {
			return err
		}
	}
	made, err := r.Rebuild(ctx, name)
	if err != nil {
		r.reportBroken(fmt.Errorf("make %s again: %w", name, err))
		return nil
	}
	r.report("made %s of %s again from its events: %v", plural(made.Rows, "artifact"), name, fault)
	return nil
}

// forget forgets a pipeline. A damaged index cannot drop what it holds of it, so the index is replaced first.
func (r *repair) forget(ctx context.Context, name string) error {
	err := r.Engine.Forget(ctx, name)
	if !errors.Is(err, artifact.ErrIndexDamaged) || r.indexReplaced {
		return err
	}
	if err := r.replaceIndex(); err != nil {
		return err
	}
	r.loadIndex(ctx)
	return r.Engine.Forget(ctx, name)
}

// isTemporary reports whether an error says nothing of what is stored: the disk, the memory or another process are in the way.
func isTemporary(err error) bool {
	class := failure.Of(err)
	return err != nil && (class == failure.Transient || class == failure.Throttled) && !object.IsDamage(err) && !errors.Is(err, artifact.ErrIndexDamaged)
}

// reloadIndex loads the index of all pipelines again from the parts of their runs, if that of one is damaged or was replaced:
// they lie in one store. A pipeline of which it cannot be loaded is folded anew.
func (r *repair) reloadIndex(ctx context.Context) error {
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
		if err := r.replaceIndex(); err != nil {
			return err
		}
	}
	r.loadIndex(ctx)
	return ctx.Err()
}

// loadIndex loads what pipelines have in the index from the parts of their runs. One of which that fails is folded anew when its turn comes.
func (r *repair) loadIndex(ctx context.Context) {
	for _, p := range r.Project.Pipelines {
		if entries, err := r.Engine.RepairIndex(ctx, p.Name); err == nil && entries > 0 {
			r.report("loaded the index of %s again: %s", p.Name, plural(entries, "record"))
		}
	}
}

// indexFault reports whether the index of a pipeline, and not what it is made of, is damaged or older than the catalog.
func (r *repair) indexFault(ctx context.Context, name string) (bool, error) {
	proof, err := r.Engine.Verify(ctx, name, VerifyOptions{})
	if isTemporary(err) {
		return false, err
	}
	for _, c := range proof.Checks { // none of a pipeline that cannot be verified: its turn comes later
		if !c.OK && isTemporary(c.Err) {
			return false, c.Err
		}
		if !c.OK {
			return strings.HasPrefix(c.Name, "index") && r.recordsAreWhole(ctx, name), nil
		}
	}
	return false, nil
}

// recordsAreWhole reports whether the catalog's records of a pipeline are whole.
func (r *repair) recordsAreWhole(ctx context.Context, name string) bool {
	return r.Engine.CheckRecords(ctx, name) == nil
}

// pipelineFault is what is wrong with a pipeline that folding it anew may mend, or why that cannot be found out; nil if nothing is.
func (r *repair) pipelineFault(ctx context.Context, name string) error {
	proof, err := r.Engine.Verify(ctx, name, VerifyOptions{Sample: r.options.Sample})
	if err != nil {
		return err
	}
	for _, c := range proof.Checks {
		switch {
		case c.OK:
		case isTemporary(c.Err):
			return c.Err
		case remedyOf(&c) == repairRemedy: // what is not derived cannot be made again
			return fmt.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
	return nil
}
