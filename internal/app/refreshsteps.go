// The steps of refreshes: decides what is due, visits institutions, processes and concludes, and watches the disk meanwhile.

package app

import (
	"context"
	"errors"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/flow"
	"bursar/internal/aggregate/limit"
	"bursar/internal/aggregate/refresh"
	"bursar/internal/project"
)

// refreshSteps executes the steps of refreshes.
type refreshSteps struct {
	*App
	refresher *refresh.Refresher
}

const (
	// aheadPerSession is how many refreshes are begun for each session that an institution allows: the next ones wait for a place.
	aheadPerSession = 3
	// leastAhead is how many are begun at least.
	leastAhead = 8
	// decideAgain is the time between two decisions while more accounts are due than are begun.
	decideAgain = 300 * time.Millisecond
)

// Decide begins the refreshes that are due. Institutions that do not work are left alone.
func (s refreshSteps) Decide(ctx context.Context) (out flow.Decision, err error) {
	for _, i := range s.Project.Institutions {
		if i.Connection == nil {
			continue
		}
		begun, one := s.decideInstitution(ctx, i)
		err = errors.Join(err, one)
		out.Start = append(out.Start, begun.Start...)
		if !begun.Again.IsZero() && (out.Again.IsZero() || begun.Again.Before(out.Again)) {
			out.Again = begun.Again
		}
	}
	return out, err
}

func (s refreshSteps) decideInstitution(ctx context.Context, i *project.Institution) (account.Begun, error) {
	now := time.Now()
	b, err := s.breaker(ctx, i.Name)
	if err != nil {
		return account.Begun{}, err
	}
	if b.State == string(limit.Open) && now.Before(b.Until) {
		return account.Begun{Again: b.Until}, nil
	}
	ahead := max(leastAhead, aheadPerSession*i.Connection.Limits.Sessions)
	if b.State != "" {
		ahead = 1 // the one that tries whether it works again
	}
	begun, err := s.Accounts().Due(ctx, i.Name, refresh.RulesOf(i.Connection), ahead)
	if soon := now.Add(decideAgain); err == nil && !begun.Again.IsZero() && begun.Again.Before(soon) {
		begun.Again = soon
	}
	return begun, err
}

// Fetch visits the institution of an account.
func (s refreshSteps) Fetch(ctx context.Context, one account.Refresh) (flow.Fetched, error) {
	ctx, diskErr, endWatch := s.disk.watch(ctx)
	defer endWatch()
	v, err := s.refresher.Visit(ctx, one.Ref, one.Number)
	if err != nil {
		return flow.Fetched{}, errors.Join(diskErr(), err)
	}
	out := flow.Fetched{Ended: v.Ended, Statements: v.Statements, Waits: v.Waits}
	if i := s.Project.Institution(one.Institution); v.Waits && i != nil && i.Connection != nil {
		if out.Wait = i.Connection.Login.Credentials; v.Question {
			out.Wait = i.Connection.Login.Answer
		}
	}
	return out, nil
}

// Process imports a statement file of a refresh.
func (s refreshSteps) Process(ctx context.Context, one account.Refresh, statement int) error {
	ctx, diskErr, endWatch := s.disk.watch(ctx)
	defer endWatch()
	if err := s.refresher.Process(ctx, one.Ref, one.Number, statement); err != nil {
		return errors.Join(diskErr(), err)
	}
	return nil
}

// Conclude judges what a refresh has fetched, and ends it.
func (s refreshSteps) Conclude(ctx context.Context, one account.Refresh, how flow.Ending) error {
	ctx, diskErr, endWatch := s.disk.watch(ctx)
	defer endWatch()
	err := s.refresher.Conclude(ctx, one.Ref, one.Number, refresh.Ending{Unanswered: how.Unanswered, Err: how.Err})
	if errors.As(err, new(*account.NotFoundError)) {
		return nil // it was removed
	}
	if err != nil {
		return errors.Join(diskErr(), err)
	}
	return nil
}
