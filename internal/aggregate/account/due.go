// Which refreshes are begun: those that are due, as far as the institution's quotas and limits allow, and those that people ask for.

package account

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// turn is the document of a refresh that was begun and has fetched nothing yet.
type turn struct {
	Ref
	Since time.Time `json:"since"`
}

// startAgain is how long a refresh may be without having fetched anything before its workflow is started again, in case that was lost.
const startAgain = time.Minute

// Refresh names a refresh of an account.
type Refresh struct {
	Ref
	Number int
}

// Begun are refreshes whose workflows are to be started.
type Begun struct {
	Start []Refresh
	Again time.Time // when more may be due; zero: unknown
}

// Due begins the refreshes of an institution that are due, the one that has waited longest first. ahead bounds those that have fetched nothing yet:
// more of them only wait. Those whose workflow may be lost are among them again, once a minute.
func (s *Accounts) Due(ctx context.Context, institution string, rules Rules, ahead int) (out Begun, err error) {
	now := s.Now().UTC()
	running, stale, next, err := s.look(ctx, institution, now)
	if err != nil || stale == 0 && (running >= ahead || next.IsZero() || next.After(now)) {
		if !next.IsZero() && !next.After(now) {
			next = now.Add(time.Second) // a place becomes free
		}
		return Begun{Again: next}, err
	}
	err = s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		d := &due{tx: tx, institution: institution, rules: rules, now: now}
		err := d.begin(ahead)
		out = d.Begun
		return err
	})
	if err != nil {
		return Begun{}, err
	}
	return out, nil
}

// look counts the refreshes that have fetched nothing yet, and those of them that are old, and finds the time at which the next account is due.
func (s *Accounts) look(ctx context.Context, institution string, now time.Time) (running, stale int, next time.Time, err error) {
	err = s.Catalog.View(ctx, func(tx catalog.Tx) error {
		running, stale, next = 0, 0, time.Time{}
		for t, err := range catalog.Documents[turn](tx, runningPrefix+institution+"/", "") {
			if err != nil {
				return err
			}
			running++
			if now.Sub(t.Since) >= startAgain {
				stale++
			}
		}
		return firstDue(tx, institution, func(_ Ref, at time.Time) error {
			next = at
			return failure.ErrStop
		})
	})
	return running, stale, next, failure.UnlessStopped(err)
}

// firstDue calls fn for the accounts of an institution in the order in which they are due.
func firstDue(tx catalog.Tx, institution string, fn func(Ref, time.Time) error) error {
	for r, err := range catalog.Documents[Ref](tx, duePrefix+institution+"/", "") {
		if err != nil {
			return err
		}
		a, err := get(tx, r)
		if err != nil {
			return err
		}
		if err := fn(r, a.Next); err != nil {
			return failure.UnlessStopped(err)
		}
	}
	return nil
}

// due is one transaction that begins refreshes.
type due struct {
	Begun
	tx          catalog.Tx
	institution string
	rules       Rules
	now         time.Time
	counts      Institution
}

func (d *due) begin(ahead int) (err error) {
	if d.counts, err = institutionOf(d.tx, d.institution); err != nil {
		return err
	}
	d.counts.turnDay(d.now)
	places, err := d.again(ahead)
	if err != nil {
		return err
	}
	var first []Ref
	err = firstDue(d.tx, d.institution, func(r Ref, at time.Time) error {
		if at.After(d.now) || len(first) >= places {
			d.Again = at
			return failure.ErrStop
		}
		first = append(first, r)
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range first {
		if d.rules.Day > 0 && !d.rules.allowScheduled(d.rules.Day, d.counts.Scheduled, d.counts.ByPerson) {
			d.Again = nextDay(d.now)
			break
		}
		if err := d.beginOne(r); err != nil {
			return err
		}
	}
	if !d.Again.IsZero() && !d.Again.After(d.now) {
		d.Again = d.now.Add(time.Second)
	}
	return d.tx.Put(institutionPrefix+d.institution, d.counts)
}

// again takes the refreshes whose workflow may be lost, and returns how many others may be begun.
func (d *due) again(ahead int) (places int, err error) {
	places = ahead
	var stale []turn
	for t, err := range catalog.Documents[turn](d.tx, runningPrefix+d.institution+"/", "") {
		if err != nil {
			return 0, err
		}
		places--
		if d.now.Sub(t.Since) >= startAgain {
			stale = append(stale, t)
		}
	}
	for _, t := range stale {
		a, err := get(d.tx, t.Ref)
		if err != nil {
			return 0, err
		}
		if err := d.tx.Put(runningKey(t.Ref), turn{t.Ref, d.now}); err != nil {
			return 0, err
		}
		d.Start = append(d.Start, Refresh{t.Ref, a.Refresh})
	}
	return max(places, 0), nil
}

// beginOne begins the refresh of an account, unless it had its share of the day.
func (d *due) beginOne(r Ref) error {
	a, err := get(d.tx, r)
	if err != nil {
		return err
	}
	before := *a
	a.turnDay(d.now)
	if !d.rules.allowScheduled(d.rules.AccountDay, a.Scheduled, a.ByPerson) {
		a.Next = d.rules.Next(r, a.Refresh, d.counts.Accounts, d.now)
		a.Reason = fmt.Sprintf("it was refreshed %d times today, as often as `account_day` allows", a.Scheduled+a.ByPerson)
		return put(d.tx, &before, a)
	}
	a.Scheduled++
	d.counts.Scheduled++
	a.start(false, d.now)
	d.Start = append(d.Start, Refresh{r, a.Refresh})
	if err := d.tx.Put(runningKey(r), turn{r, d.now}); err != nil {
		return err
	}
	return put(d.tx, &before, a)
}

// start makes the record that of the next refresh, which waits for its turn.
func (a *Account) start(asked bool, now time.Time) {
	a.Refresh++
	a.Running, a.Asked, a.Begun, a.Requests, a.Attempts = true, asked, time.Time{}, 0, 0
	a.Documents, a.Fetched, a.Judged, a.Answer = nil, "", false, ""
	a.set(Waiting, "for its turn", now)
}

// QuotaError says that an account, or its institution, had as many refreshes today as are allowed.
type QuotaError struct {
	What  string
	Count int
	Next  time.Time
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("%s had %d refreshes today, as many as its `limits` allow: ask again from %s on", e.What, e.Count, e.Next.Format(time.RFC3339))
}

// Class is Throttled.
func (e *QuotaError) Class() failure.Class { return failure.Throttled }

// AskNow begins the refresh of an account that a person asks for, and returns the record. One that runs is joined, and costs nothing.
func (s *Accounts) AskNow(ctx context.Context, r Ref, rules Rules) (a *Account, joined bool, err error) {
	now := s.Now().UTC()
	a, err = s.change(ctx, r, func(tx catalog.Tx, a *Account) error {
		if joined = a.Running; joined {
			return nil
		}
		counts, err := institutionOf(tx, r.Institution)
		if err != nil {
			return err
		}
		counts.turnDay(now)
		a.turnDay(now)
		switch all := a.Scheduled + a.ByPerson; {
		case all >= rules.AccountDay:
			return &QuotaError{"account " + r.String(), all, nextDay(now)}
		case rules.Day > 0 && counts.Scheduled+counts.ByPerson >= rules.Day:
			return &QuotaError{"institution " + r.Institution, counts.Scheduled + counts.ByPerson, nextDay(now)}
		}
		a.ByPerson++
		counts.ByPerson++
		a.start(true, now)
		if err := tx.Put(institutionPrefix+r.Institution, counts); err != nil {
			return err
		}
		return tx.Put(runningKey(r), turn{r, now})
	})
	return a, joined, err
}

// turnDay begins the counts of a new day, which is one of UTC.
func (a *Account) turnDay(now time.Time) {
	if today := now.Format(time.DateOnly); a.Day != today {
		a.Day, a.Scheduled, a.ByPerson = today, 0, 0
	}
}

func (i *Institution) turnDay(now time.Time) {
	if today := now.Format(time.DateOnly); i.Day != today {
		i.Day, i.Scheduled, i.ByPerson = today, 0, 0
	}
}

func nextDay(now time.Time) time.Time { return now.UTC().Truncate(day).Add(day) }
