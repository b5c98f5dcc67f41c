// Package backlog is what workflows that work off a backlog have in common: passes over it, with the signals and requests that they
// answer (Passes), the calls that start such a workflow, wait for it or keep it running (Runner), and the whole workflow where one activity does
// a pass (Decider). What a pass does is the workflow's own; this package must not know it. Passes and Decider are workflow code: they are
// replayed, and a change of their order breaks running workflows.
package backlog

import (
	"time"

	"bursar/internal/failure"
	"bursar/internal/temporal"

	"go.temporal.io/sdk/workflow"
)

// IdleTimeout bounds the wait of a workflow that stays: a lost signal delays work by no more than this.
const IdleTimeout = time.Minute

// backoff is the wait after a pass that failed for a reason that may pass, after the retries of its activities.
var backoff = failure.Backoff{Least: 2 * time.Second, Most: 2 * time.Minute}

// Names are those of the signals and of the update that an execution accepts. They must not change.
type Names struct {
	Wake   string // a signal: there may be more to do
	Follow string // a signal: Wake, and a workflow that several processes share stays when there is nothing to do
	Drain  string // an update: work off the backlog, and answer when that is done
}

// Passes is the state of one execution of a workflow that works off a backlog, one pass after another. The fields are set before the first
// call.
type Passes struct {
	Follow bool // it stays when there is nothing to do; a signal may set it
	// Join makes the execution answer requests also if it does not follow, and accept the signal Follow: several processes share it.
	Join     bool
	Failures int           // consecutive failures of passes, also of earlier executions
	Interval time.Duration // the least time from the begin of a pass to that of the next one, unless a request comes
	// RetryAll makes an execution that follows repeat passes also after errors that the same input causes again: a person may have removed the
	// cause where nobody reports it.
	RetryAll bool

	// Until is when the next pass begins at the latest, if that is before IdleTimeout; zero: then. A pass may set it.
	Until time.Time

	requests int   // received
	answered int   // of these, those received before the last completed pass began
	outcome  error // of that pass
	woken    bool  // there was a signal or a request since the last pass began
	ending   bool  // this execution starts no more passes
}

// Handle accepts signals, and requests, whose handler calls Request. The handlers of those that an execution was started with run before it
// returns.
func (p *Passes) Handle(ctx workflow.Context, names Names, drain any) error {
	if !p.Follow && !p.Join {
		return nil
	}
	onSignal(ctx, names.Wake, func() { p.woken = true })
	if p.Join {
		onSignal(ctx, names.Follow, func() { p.Follow, p.woken = true, true })
	}
	if err := workflow.SetUpdateHandler(ctx, names.Drain, drain); err != nil {
		return err
	}
	return p.runHandlers(ctx)
}

// onSignal calls handle for each signal of a name.
func onSignal(ctx workflow.Context, name string, handle func()) {
	signals := workflow.GetSignalChannel(ctx, name)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for signals.Receive(ctx, nil) {
			handle()
		}
	})
}

// runHandlers lets the handlers of signals and requests that have arrived run up to where they wait. Those that an execution has not
// handled when it ends would be lost. Executions without Join are not shared, and their histories were recorded without it.
func (p *Passes) runHandlers(ctx workflow.Context) error {
	if !p.Join {
		return nil
	}
	ran := false // by a coroutine that is behind the handlers' in the order of execution
	workflow.Go(ctx, func(workflow.Context) { ran = true })
	return workflow.Await(ctx, func() bool { return ran })
}

// Request waits for a pass that starts after the call, and returns its error. It is not answered if this execution ends before: whoever
// sent the request sends it again.
func (p *Passes) Request(ctx workflow.Context) (answered bool, err error) {
	p.requests++
	p.woken = true
	request := p.requests
	if err := workflow.Await(ctx, func() bool { return p.answered >= request || p.ending }); err != nil {
		return false, err
	}
	if p.answered < request {
		return false, nil
	}
	return true, p.outcome
}

// Unanswered returns how many requests, the last ones, wait for an answer.
func (p *Passes) Unanswered() int { return p.requests - p.answered }

// Succeed ends a row of failures: a part of a pass has succeeded.
func (p *Passes) Succeed() { p.Failures = 0 }

// Work makes passes until there is nothing to do, or nobody needs the execution; err is then its result. If isLong reports before that its
// history is long, the execution has to continue as new. A pass is done when it has seen the whole backlog: it answers the requests
// received before it began. One that stops because the execution is long answers none: the next execution continues.
func (p *Passes) Work(ctx workflow.Context, isLong func() bool, pass func(workflow.Context) (done bool, err error)) (continueAsNew bool, err error) {
	for !isLong() {
		began := workflow.Now(ctx)
		err := p.pass(ctx, pass)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if isLong() {
			break
		}
		goOn, waitErr := p.waitForWork(ctx, began, err)
		if waitErr != nil {
			return false, waitErr
		}
		if !goOn {
			return false, err
		}
	}
	return true, p.finishHandlers(ctx)
}

func (p *Passes) pass(ctx workflow.Context, pass func(workflow.Context) (done bool, err error)) error {
	requests := p.requests
	p.woken = false
	done, err := pass(ctx)
	if done || err != nil {
		p.outcome, p.answered = err, requests
	}
	return err
}

// waitForWork waits after a pass until there is something to do. It reports false if the execution ends: it does not follow, and nobody
// has requested another pass.
func (p *Passes) waitForWork(ctx workflow.Context, began time.Time, failed error) (goOn bool, err error) {
	for {
		if err := p.runHandlers(ctx); err != nil {
			return false, err
		}
		ended := p.ending
		p.ending = false
		switch {
		case p.Follow:
			return true, p.waitForSignal(ctx, began, failed)
		case p.requests > p.answered || p.woken && failed == nil:
			return true, nil
		case ended || !p.Join:
			return false, nil
		}
		if err := p.finishHandlers(ctx); err != nil {
			return false, err
		}
	}
}

// waitForSignal waits until there is a signal or a request. After a transient failure it retries after a while; after other
// failures only on request, because the same input would fail the same way, and so with what all processes decline. Where several
// processes share the workflow, also when one of them signals: another project folder may have come with it, or a rebuild been made since.
func (p *Passes) waitForSignal(ctx workflow.Context, began time.Time, failed error) error {
	requested := func() bool { return p.requests > p.answered }
	if failed == nil {
		p.Failures = 0
		if _, err := workflow.AwaitWithTimeout(ctx, p.idleTimeout(ctx), func() bool { return p.woken }); err != nil {
			return err
		}
		rest := p.Interval - workflow.Now(ctx).Sub(began)
		if rest <= 0 || requested() {
			return nil
		}
		_, err := workflow.AwaitWithTimeout(ctx, rest, requested)
		return err
	}
	if !p.RetryAll && !temporal.MayPass(failed) {
		return workflow.Await(ctx, func() bool { return requested() || p.Join && p.woken })
	}
	p.Failures++
	_, err := workflow.AwaitWithTimeout(ctx, backoff.After(p.Failures), requested)
	return err
}

func (p *Passes) idleTimeout(ctx workflow.Context) time.Duration {
	if p.Until.IsZero() {
		return IdleTimeout
	}
	return max(0, min(IdleTimeout, p.Until.Sub(workflow.Now(ctx))))
}

// finishHandlers lets the waiting update handlers return, so that their callers repeat the request on the next execution.
func (p *Passes) finishHandlers(ctx workflow.Context) error {
	p.ending = true
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	return p.runHandlers(ctx)
}
