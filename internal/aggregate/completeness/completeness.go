// Package completeness judges how far the record of each account can be trusted: what its statements prove, claim, lack and
// contradict. It owns the verdicts, the order of statements, which version of a statement counts, and what a person has
// accepted. It guarantees verdicts that depend on what is stored alone, not on the order of import, and holds one
// account's statements in memory. It changes nothing but acceptances.
package completeness

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/imported"
	"bursar/internal/project"
)

// Accounts evaluates the stored statements. It changes nothing.
type Accounts struct {
	imported.Streams
}

// Query selects accounts and days.
type Query struct {
	Accounts []string // numbers; none selects all
	Until    string   // last day to which calendars apply; empty: the last day of the institution's statements
}

// Judge passes each account with its intervals to each, sorted by servicer, number and currency. It holds one account's
// statements in memory. Accepted intervals are CLAIMED; stale are acceptances that no longer match an interval.
func (c *Accounts) Judge(ctx context.Context, q Query, each func(Account) error) (stale []Acceptance, err error) {
	accepted, err := c.acceptances(ctx)
	if err != nil {
		return nil, err
	}
	err = c.judgeAll(ctx, q, accepted, func(a Account) error {
		accepted.nameIntervals(&a)
		return each(a)
	})
	return accepted.stale(q), err
}

// judgeAll passes on each account, judged by its statements alone. Among days without a statement, accepted days are intervals of their own.
func (c *Accounts) judgeAll(ctx context.Context, q Query, accepted acceptances, each func(Account) error) error {
	view, err := c.View(ctx, project.StatementStream)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	quarantined, err := c.quarantinedStatements(ctx, q)
	if err != nil {
		return err
	}
	if view == "" {
		if err := quarantined.eachUnclaimed(c.institution, each); err != nil {
			return err
		}
		return c.eachSilent(q, fileDays{}, seen, accepted, each)
	}
	if _, err := c.View(ctx, project.EntryStream); err != nil { // the entries are checked too before any account is judged
		return err
	}
	days, err := c.fileDays(ctx, view)
	if err != nil {
		return err
	}
	again, err := imported.ListRereads(ctx, c.Catalog)
	if err != nil {
		return err
	}
	made, err := c.corrections(ctx, q)
	if err != nil {
		return err
	}
	err = c.eachRecord(ctx, view, q, again.Removed(), func(r *record, byKind []Versions) error {
		seen[r.Account.Account] = true
		r.statements = nil
		key := accountKey{r.Servicer, r.Account.Account, r.Currency}
		r.doubts, r.replaced = made.doubts[key], made.replaced[key]
		for _, v := range byKind {
			r.statements = append(r.statements, v.Counting...)
			for _, g := range v.Replaced {
				r.Superseded = append(r.Superseded, superseded(g.Statement, g.By, g.reason, changeOf(g.Statement, g.By)))
			}
			quarantined.supersede(r, v)
		}
		c.judge(r, days, q.Until, accepted)
		quarantined.addTo(&r.Account)
		return each(r.Account)
	})
	if err == nil {
		err = quarantined.eachUnclaimed(c.institution, each)
	}
	if err != nil {
		return err
	}
	return c.eachSilent(q, days, seen, accepted, each)
}

// eachRecord passes on the stored record of each account. For each kind of message its statements are divided into
// those that count and those that are superseded.
func (c *Accounts) eachRecord(ctx context.Context, view string, q Query, removed map[string]bool, each func(*record, []Versions) error) error {
	quarantined, err := c.quarantined(ctx)
	if err != nil {
		return err
	}
	return c.records(ctx, view, q, removed, func(r *record) error {
		for _, s := range r.statements {
			rows := quarantined[statementKey{s.Object, r.Account.Account, s.label}]
			if rows == nil {
				continue
			}
			if s.conflicts = rows.conflicts; s.fault == "" {
				why := newFinding("quarantine", "%d of its rows are in quarantine; the first is %s: %s (%s)",
					rows.rows, rows.first.Place, rows.first.reason, rows.stream)
				s.fault, s.faultDigest = why.text, why.digest
			}
		}
		var byKind []Versions
		for _, kind := range []statement.Kind{statement.Booked, statement.Report, statement.Notification} {
			byKind = append(byKind, versionsOf(joinPages(r.kind(kind))))
		}
		return each(r, byKind)
	})
}

// eachSilent passes on the accounts that institutions with a calendar declare by number and of which nothing was received.
func (c *Accounts) eachSilent(q Query, days fileDays, seen map[string]bool, accepted acceptances, each func(Account) error) error {
	for _, i := range c.Project.Institutions {
		for _, number := range i.Accounts {
			wanted := len(q.Accounts) == 0 || slices.Contains(q.Accounts, number)
			if strings.HasSuffix(number, "*") || seen[number] || !wanted || i.Statements.Kind == project.NoCalendar {
				continue
			}
			r := &record{Account: Account{Servicer: i.Servicer, Account: number}}
			c.judge(r, days, q.Until, accepted)
			if len(r.Intervals) == 0 {
				continue
			}
			if err := each(r.Account); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileDays are the days that statements cover, by institution with a calendar.
type fileDays map[string]*days

type days struct {
	has         map[string]bool
	first, last string
}

func (c *Accounts) fileDays(ctx context.Context, view string) (fileDays, error) {
	found := fileDays{}
	if !slices.ContainsFunc(c.Project.Institutions, func(i *project.Institution) bool { return i.Statements.Kind != project.NoCalendar }) {
		return found, nil
	}
	err := c.query(ctx, "SELECT DISTINCT servicer, account, strftime(day, '%Y-%m-%d') FROM ("+view+")", func(row []string) error {
		name := c.institution(row[0], row[1]).Name
		if found[name] == nil {
			found[name] = &days{has: map[string]bool{}}
		}
		found[name].has[row[2]] = true
		found[name].first = min(cmp.Or(found[name].first, row[2]), row[2])
		found[name].last = max(found[name].last, row[2])
		return nil
	})
	return found, err
}

// institution is the institution of an account; an empty one if none declares it.
func (c *Accounts) institution(servicer, account string) *project.Institution {
	return cmp.Or(c.Project.InstitutionOf(servicer, account), &project.Institution{})
}

// judge makes an account's intervals from its statements, whose pages are joined: first those of each kind of message,
// then contradictions, then missing days. Where an account has booked statements, only these satisfy its calendar.
func (c *Accounts) judge(r *record, all fileDays, until string, accepted acceptances) {
	a := &r.Account
	i := c.institution(a.Servicer, a.Account)
	a.Institution = i.Name
	covered := cmp.Or(all[i.Name], &days{})
	expects, since, declared := calendarRule(i, covered)
	links, gaps := chainOf(r.kind(statement.Booked), expects, newStoredMovements(r.movements, r.replaced))
	a.Intervals = append(intervals(links), gaps...)
	a.Intervals = append(a.Intervals, compareMovements(links, gaps, r.movements)...)
	expected := slices.Clone(a.Intervals)
	a.Intervals = append(a.Intervals, r.doubts...)
	for _, kind := range []statement.Kind{statement.Report, statement.Notification} {
		for _, s := range r.kind(kind) { // these need not follow one another
			one, _ := chainOf([]*Statement{s}, nil, storedMovements{})
			a.Intervals = append(a.Intervals, intervals(one)...)
		}
	}
	for _, i := range a.Intervals {
		if i.Kind != "" || len(r.statements) == 0 {
			a.From, a.To = min(cmp.Or(a.From, i.From), i.From), max(a.To, i.To)
		}
	}
	if len(links) == 0 {
		expected = a.Intervals
	}
	if len(r.statements) == 0 {
		since = cmp.Or(since, covered.first)
	}
	until = cmp.Or(until, covered.last)
	if closed := i.Closed[a.Account]; !closed.IsZero() { // nothing is missing later, unless statements cover later days
		until = min(until, max(closed.Format(time.DateOnly), a.To))
	}
	a.Intervals = append(a.Intervals, missing(expected, expects, declared, since, until, accepted.gaps(a, i.Servicer, until))...)
	slices.SortStableFunc(a.Intervals, func(x, y Interval) int { return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To)) })
	a.States = map[State]int{}
	for _, i := range a.Intervals {
		a.States[i.State]++
	}
}

func intervals(links []link) []Interval {
	list := make([]Interval, len(links))
	for i, l := range links {
		list[i] = l.interval
	}
	return list
}

// calendarRule is the rule by which an institution sends statements, the first day to which it applies if one is
// declared, and its name; nil if none is declared.
func calendarRule(i *project.Institution, covered *days) (rule func(day time.Time) bool, since, declared string) {
	if !i.Statements.Since.IsZero() {
		since = i.Statements.Since.Format(time.DateOnly)
	}
	if i.Statements.Kind == project.NoCalendar {
		return nil, since, ""
	}
	return func(day time.Time) bool {
		if i.Statements.Kind == project.EveryFileDay && !covered.has[day.Format(time.DateOnly)] {
			return false
		}
		return i.Statements.Expects(day)
	}, since, string(i.Statements.Kind)
}
