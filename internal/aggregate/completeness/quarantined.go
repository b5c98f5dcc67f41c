// Reads rows and statements that are in quarantine, as far as completeness depends on them.

package completeness

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/imported"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/project"
)

// quarantinedRows are the rows of each statement that are in quarantine: the statement lists them, and the stream does not have them.
type quarantinedRows map[statementKey]*statementRejects

// statementKey is what a row says of the statement that lists it.
type statementKey struct{ object, account, statement string }

type statementRejects struct {
	rows      int
	first     rejectedRow
	stream    string // of the first row
	conflicts bool   // some contradict stored rows
}

// rejectedRow is a rejected row of entries, details or balances.
type rejectedRow struct {
	Object, Account, Statement, Place         string
	ID, Day, Amount, Currency, Status, reason string
}

// quarantined reads the rows of entries, details and balances that are in quarantine, without those that differ from
// stored rows only in their words.
func (c *Accounts) quarantined(ctx context.Context) (quarantinedRows, error) {
	all := quarantinedRows{}
	for _, stream := range project.BuiltinStreams[:len(project.BuiltinStreams)-1] {
		err := c.eachRejected(ctx, stream, func(r *rejectedRow, contradicts bool) {
			key := statementKey{r.Object, r.Account, r.Statement}
			if all[key] == nil {
				all[key] = &statementRejects{first: *r, stream: stream}
			}
			rows := all[key]
			rows.rows++
			rows.conflicts = rows.conflicts || contradicts
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Contradictions are the quarantined entries that contradict stored ones, by object and id.
func (c *Accounts) Contradictions(ctx context.Context) (map[[2]string]bool, error) {
	found := map[[2]string]bool{}
	err := c.eachRejected(ctx, project.EntryStream, func(r *rejectedRow, contradicts bool) {
		if contradicts {
			found[[2]string{r.Object, r.ID}] = true
		}
	})
	return found, err
}

// eachRejected passes on the rows of a stream in quarantine that contradict stored ones, and those that are there for
// other reasons. Those of balances contradict nothing.
func (c *Accounts) eachRejected(ctx context.Context, stream string, each func(r *rejectedRow, contradicts bool)) error {
	var doubtful []rejectedRow
	look := func() error {
		err := c.contradicting(ctx, stream, doubtful, each)
		doubtful = doubtful[:0]
		return err
	}
	err := imported.Quarantine(ctx, c.Catalog, c.Objects, stream, func(rejected event.Rejected) error {
		r := rejectedRow{reason: rejected.Reason}
		if err := json.Unmarshal([]byte(rejected.Raw), &r); err != nil {
			return fmt.Errorf("read quarantine of %s: %w", stream, err)
		}
		if !rejected.Conflict() || stream == project.BalanceStream {
			each(&r, false)
			return nil
		}
		if doubtful = append(doubtful, r); len(doubtful) < conflictsAtOnce {
			return nil
		}
		return look()
	})
	if err != nil || len(doubtful) == 0 {
		return err
	}
	return look()
}

// conflictsAtOnce is how many rows are compared with the stream at a time.
const conflictsAtOnce = 2000

// contradicting passes on those rows that differ from the stored row of their id in day, amount, currency or status. A
// different text moves no money.
func (c *Accounts) contradicting(ctx context.Context, stream string, rows []rejectedRow, each func(r *rejectedRow, contradicts bool)) error {
	batches, err := event.Batches(ctx, c.Catalog, stream, 0)
	if err != nil {
		return err
	}
	values := make([]string, len(rows))
	for i, r := range rows {
		values[i] = fmt.Sprintf("(%d, %s, CAST(%s AS DATE), CAST(%s AS DECIMAL(23,5)), %s, %s)", i, duck.Literal(r.ID), duck.Literal(r.Day),
			duck.Literal(r.Amount), duck.Literal(r.Currency), duck.Literal(r.Status))
	}
	status := "'' AS status"
	if stream == project.EntryStream {
		status = "status"
	}
	sql := fmt.Sprintf("SELECT rejected.n FROM (VALUES %s) rejected(n, id, day, amount, currency, status) ANTI JOIN (SELECT id, day, amount, currency, %s FROM (%s)) stored "+
		"USING (id, day, amount, currency, status) ORDER BY rejected.n", strings.Join(values, ", "), status, event.ViewSQL(c.Objects, c.Project.Stream(stream), batches))
	return c.query(ctx, sql, func(row []string) error {
		each(&rows[parseCount(row[0])], true)
		return nil
	})
}

// quarantinedStatements are statements that are in quarantine themselves, for example because of an invalid date, by account.
type quarantinedStatements map[accountKey][]Interval

type accountKey struct{ servicer, account, currency string }

// quarantinedStatements reads them. A statement that names no account belongs to an account without a number, and is
// left out if the query names accounts.
func (c *Accounts) quarantinedStatements(ctx context.Context, q Query) (quarantinedStatements, error) {
	all := quarantinedStatements{}
	err := imported.Quarantine(ctx, c.Catalog, c.Objects, project.StatementStream, func(r event.Rejected) error {
		var s struct {
			Servicer, Account, Currency, Kind, Number, Amount, Opening, Closing, File, Object, Place string
			Entries, Operations                                                                      int64
			From                                                                                     string `json:"from_day"`
			To                                                                                       string `json:"to_day"`
		}
		if err := json.Unmarshal([]byte(r.Raw), &s); err != nil {
			return fmt.Errorf("read quarantine of %s: %w", project.StatementStream, err)
		}
		if len(q.Accounts) > 0 && !slices.Contains(q.Accounts, s.Account) {
			return nil
		}
		reason := fmt.Sprintf("the statement is in quarantine: %s: %s %s", s.Place, r.Column, r.Reason)
		if s.Account == "" {
			reason = fmt.Sprintf("no account: the statement is in quarantine: %s: it does not name the account that it is of", s.Place)
		}
		key := accountKey{s.Servicer, s.Account, s.Currency}
		all[key] = append(all[key], Interval{
			From: s.From, To: s.To, State: Broken, Kind: s.Kind, Number: s.Number, Entries: s.Entries, Amount: statement.NormalAmount(s.Amount), Opening: statement.NormalAmount(s.Opening), Closing: statement.NormalAmount(s.Closing),
			Operations: s.Operations, File: s.File, Object: s.Object, Place: s.Place,
			Reason: reason, figures: findingDigest("statement in quarantine", r.Column),
		})
		return nil
	})
	return all, err
}

func (l quarantinedStatements) addTo(a *Account) {
	key := accountKey{a.Servicer, a.Account, a.Currency}
	if len(l[key]) == 0 {
		return
	}
	a.Intervals = append(a.Intervals, l[key]...)
	a.States[Broken] += len(l[key])
	delete(l, key)
}

// eachUnclaimed passes on the accounts of which nothing else is known.
func (l quarantinedStatements) eachUnclaimed(institution func(servicer, account string) *project.Institution, each func(Account) error) error {
	keys := slices.SortedFunc(maps.Keys(l), func(a, b accountKey) int {
		return cmp.Or(cmp.Compare(a.servicer, b.servicer), cmp.Compare(a.account, b.account), cmp.Compare(a.currency, b.currency))
	})
	for _, key := range keys {
		a := Account{
			Institution: institution(key.servicer, key.account).Name, Servicer: key.servicer, Account: key.account, Currency: key.currency,
			States: map[State]int{},
		}
		l.addTo(&a)
		if err := each(a); err != nil {
			return err
		}
	}
	return nil
}
