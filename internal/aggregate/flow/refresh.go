// The workflow of an account: one refresh.

package flow

import (
	"cmp"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"bursar/internal/aggregate/account"
	"bursar/internal/failure"
	"bursar/internal/temporal"

	sdk "go.temporal.io/sdk/temporal"
)

const (
	// mostPending bounds the statements of an account that are processed at a time.
	mostPending = 100
	// mostQuestions bounds how often a refresh waits for a person.
	mostQuestions = 5
)

// stepBackoff is the wait before a step is tried again, after the retries of its activity.
var stepBackoff = failure.Backoff{Least: 2 * time.Second, Most: 2 * time.Minute}

// AccountInput starts the workflow Account.
type AccountInput struct {
	Institution string `json:"institution"`
	Account     string `json:"account"`
	Refresh     int    `json:"refresh"`           // its number
	Project     string `json:"project,omitempty"` // the id of the project; empty if no other project reaches the server
}

func (in AccountInput) refresh() account.Refresh {
	return account.Refresh{Ref: account.Ref{Institution: in.Institution, Account: in.Account}, Number: in.Refresh}
}

// ProcessInput requests the processing of a statement file.
type ProcessInput struct {
	AccountInput
	Statement int `json:"statement"`
}

// ConcludeInput requests the end of a refresh.
type ConcludeInput struct {
	AccountInput
	Unanswered bool              `json:"unanswered,omitempty"`
	Failure    *temporal.Failure `json:"failure,omitempty"`
}

// Account refreshes an account: it visits the institution, processes each statement that was fetched, all of them in parallel, and then judges them
// together. How it ended is in the catalog.
func Account(ctx workflow.Context, in AccountInput) error {
	r := &refresh{in: in}
	r.receive(ctx)
	fetched, err := r.fetch(ctx)
	switch {
	case err != nil || r.unanswered:
		return r.conclude(ctx, err)
	case fetched.Ended:
		return nil
	}
	return r.conclude(ctx, r.process(ctx, fetched.Statements))
}

// refresh is the state of one execution of Account.
type refresh struct {
	in         AccountInput
	notified   int // how often a person has done something
	unanswered bool
}

func (r *refresh) receive(ctx workflow.Context) {
	signals := workflow.GetSignalChannel(ctx, personSignal)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for signals.Receive(ctx, nil) {
			r.notified++
		}
	})
}

// fetch visits the institution until everything is fetched. In between it waits for a person, as often as the institution asks for one, up to a bound.
func (r *refresh) fetch(ctx workflow.Context) (f Fetched, err error) {
	for questions := 1; ; questions++ {
		seen := r.notified
		f = Fetched{}
		err = workflow.ExecuteActivity(fetchContext(ctx), fetchActivity, r.in).Get(ctx, &f)
		if err != nil || !f.Waits {
			return f, err
		}
		if questions > mostQuestions {
			return f, failure.Wrap(failure.Data, fmt.Errorf("a person has acted %d times, and the institution still asks for more", mostQuestions))
		}
		answered, err := workflow.AwaitWithTimeout(ctx, f.Wait, func() bool { return r.notified > seen })
		if err != nil {
			return f, err
		}
		if r.unanswered = !answered; r.unanswered {
			return f, nil
		}
	}
}

// fetchContext sets the options of a visit. It is repeated quietly for as long as the institution is busy or does not work: attempts leave nothing in
// the history, and each waits as long as the error of the one before asks for.
func fetchContext(ctx workflow.Context) workflow.Context {
	policy := temporal.RetryPolicy()
	policy.MaximumAttempts = 0
	policy.InitialInterval, policy.BackoffCoefficient, policy.MaximumInterval = time.Second, 2, time.Minute
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              FetchQueue,
		StartToCloseTimeout:    longestVisit,
		ScheduleToCloseTimeout: giveUp,
		HeartbeatTimeout:       heartbeatTimeout,
		RetryPolicy:            policy,
		WaitForCancellation:    true,
	})
}

// process processes the statements in parallel. The first error is the result when all that were begun have ended.
func (r *refresh) process(ctx workflow.Context, statements int) (err error) {
	running := 0
	for n := range statements {
		if e := workflow.Await(ctx, func() bool { return running < mostPending }); e != nil {
			break // the refresh is cancelled, and so are the steps
		}
		running++
		workflow.Go(ctx, func(ctx workflow.Context) {
			if e := r.step(ctx, processActivity, ProcessInput{r.in, n}); e != nil && err == nil {
				err = e
			}
			running--
		})
	}
	unending, _ := workflow.NewDisconnectedContext(ctx)
	if e := workflow.Await(unending, func() bool { return running == 0 }); e != nil {
		return e
	}
	return cmp.Or(err, ctx.Err())
}

// step executes a local activity until it succeeds, or fails for a reason that does not pass. What is fetched is in the catalog and in objects, so that
// any process that has the workflow can go on with it, and nothing but the end of a step belongs into the history: local activities need half of
// the events, and a third of the server's transactions.
func (r *refresh) step(ctx workflow.Context, name string, in any) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: longestAttempt,
		RetryPolicy:         temporal.RetryPolicy(),
	})
	for failures := 1; ; failures++ {
		err := workflow.ExecuteLocalActivity(ctx, name, in).Get(ctx, nil)
		if err == nil || ctx.Err() != nil || !temporal.MayPass(err) && !temporal.WasDeclined(err) {
			return err
		}
		if err := workflow.Sleep(ctx, stepBackoff.After(failures)); err != nil {
			return err
		}
	}
}

// conclude ends the refresh, also one that is cancelled, and one whose result cannot be judged or stored: an account whose refresh never ends would
// not be refreshed again, and would say nothing.
func (r *refresh) conclude(ctx workflow.Context, cause error) error {
	in := ConcludeInput{AccountInput: r.in, Unanswered: r.unanswered}
	if cause != nil {
		f := temporal.NewFailure(cause)
		switch {
		case sdk.IsCanceledError(cause):
			f = temporal.Failure{Class: failure.Transient.String(), Message: "the refresh was cancelled"}
		case sdk.IsTimeoutError(cause):
			f = temporal.Failure{Class: failure.Transient.String(), Message: "the institution could not be visited within " + giveUp.String()}
		}
		in.Failure = &f
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	err := r.step(ctx, concludeActivity, in)
	if err == nil || in.Failure != nil {
		return err
	}
	f := temporal.NewFailure(err)
	in.Failure = &f
	return r.step(ctx, concludeActivity, in)
}
