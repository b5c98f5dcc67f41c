// What one execution does: passes over the tables of the warehouse, and requests for some of them.

package flow

import (
	"maps"
	"slices"

	"go.temporal.io/sdk/workflow"

	"bursar/internal/temporal"
	"bursar/internal/temporal/backlog"
	"bursar/internal/warehouse/publish"
)

// publication is the state of one execution of Publish.
type publication struct {
	in     Input
	passes backlog.Passes
	named  int               // requests for some tables that are being answered
	failed map[string]Failed // by table whose last attempt failed
	log    []attempt         // that passes of this execution have made
}

// attempt is one group of a table that was published, or the failure of one.
type attempt struct {
	result  publish.Result // with the table alone after a failure
	failure *temporal.Failure
}

// handleRequest answers a request when its tables are up to date. A request for all tables waits for a pass that starts after it.
func (p *publication) handleRequest(ctx workflow.Context, r Request) (Result, error) {
	if len(r.Tables) > 0 {
		return p.publishNamed(ctx, r)
	}
	before := len(p.log)
	answered, err := p.passes.Request(ctx)
	result := resultOf(p.log[before:])
	result.Interrupted = !answered
	return result, err
}

// publishNamed brings some tables up to date beside the passes: whoever needs one table does not wait for all others. If a pass is at the same
// table, they take turns.
func (p *publication) publishNamed(ctx workflow.Context, r Request) (Result, error) {
	p.named++
	defer func() { p.named-- }()
	made, complete, err := p.publishAll(ctx, r.Tables, r.Again)
	result := resultOf(made)
	result.Interrupted = !complete
	return result, err
}

// pass brings up to date the tables that the input names, or all that lack something.
func (p *publication) pass(ctx workflow.Context) (done bool, err error) {
	if p.named > 0 && !p.passes.Follow && p.passes.Unanswered() == 0 {
		return true, nil // the execution was started for these requests
	}
	tables := p.in.Tables
	if len(tables) == 0 {
		if tables, err = p.behind(ctx); err != nil {
			return false, err
		}
	}
	made, complete, err := p.publishAll(ctx, tables, p.in.Again)
	p.log = append(p.log, made...)
	return complete, err
}

// behind returns the tables that lack something, but those that are not tried again yet.
func (p *publication) behind(ctx workflow.Context) ([]string, error) {
	var behind BehindResult
	requested := p.passes.Unanswered() > 0
	in := BehindInput{Refused: requested || !p.passes.Follow, Project: p.in.Project}
	if err := workflow.ExecuteActivity(activityContext(ctx), behindActivity, in).Get(ctx, &behind); err != nil {
		return nil, err
	}
	maps.DeleteFunc(p.failed, func(table string, _ Failed) bool { return !slices.Contains(behind.Tables, table) })
	if !requested {
		behind.Tables = slices.DeleteFunc(behind.Tables, func(table string) bool { return workflow.Now(ctx).Before(p.failed[table].Retry) })
	}
	// The last are those that stopped a pass before: they must not keep the others waiting.
	slices.SortStableFunc(behind.Tables, func(a, b string) int { return p.failed[a].Failures - p.failed[b].Failures })
	return behind.Tables, nil
}

// publishAll brings tables up to date, one after another. It is not complete if the execution is long. An error that may pass ends it: it
// is mostly the warehouse that is away, and then every table would fail.
func (p *publication) publishAll(ctx workflow.Context, tables []string, again bool) (made []attempt, complete bool, err error) {
	for _, table := range tables {
		in := PublishInput{Table: table, Again: again && !p.in.Before.has(table), Project: p.in.Project}
		for more := true; more; {
			if isLong(ctx) {
				return made, false, nil
			}
			one, err := p.publish(ctx, in)
			if err != nil {
				return made, false, err
			}
			made = append(made, one)
			in.Again, more = false, one.result.More
		}
	}
	return made, true, nil
}

// publish adds one group to a table.
func (p *publication) publish(ctx workflow.Context, in PublishInput) (one attempt, err error) {
	table := in.Table
	err = workflow.ExecuteActivity(activityContext(ctx), publishActivity, in).Get(ctx, &one.result)
	if err == nil {
		delete(p.failed, table)
		p.passes.Succeed()
		return one, nil
	}
	if ctx.Err() != nil {
		return one, ctx.Err()
	}
	failed := Failed{Failures: p.failed[table].Failures + 1}
	if temporal.MayPass(err) {
		p.failed[table] = failed
		return one, err
	}
	failed.Retry = workflow.Now(ctx).Add(failedAgain.After(failed.Failures))
	p.failed[table] = failed
	why := temporal.NewFailure(err)
	return attempt{publish.Result{Table: table}, &why}, nil
}
