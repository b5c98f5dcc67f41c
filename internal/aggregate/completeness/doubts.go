// Reads what makes stored statements doubtful: rows and statements in quarantine, and corrections that are ambiguous; and
// what corrections explain.

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
		"USING (id, day, amount, currency, status) ORDER BY rejected.n", strings.Join(values, ", "), status, event.ViewSQL(c.ObjectFiles, c.Project.Stream(stream), batches))
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

// corrections are what completeness needs to know of the corrections of accounts.
type corrections struct {
	doubts   map[accountKey][]Interval // corrections that are ambiguous or not applied
	replaced map[accountKey][]replacedEntry
}

type replacedEntry struct {
	day    string
	by     string // day of the correcting entry
	amount string
}

func (c *Accounts) corrections(ctx context.Context, q Query) (m corrections, err error) {
	known, err := imported.HasFlag(ctx, c.Catalog, imported.CorrectionsKnown)
	if err != nil || !known {
		return m, err
	}
	batches, err := event.Batches(ctx, c.Catalog, project.EntryStream, 0)
	if err != nil || len(batches) == 0 {
		return m, err
	}
	m.doubts, m.replaced = map[accountKey][]Interval{}, map[accountKey][]replacedEntry{}
	view := fmt.Sprintf("SELECT * FROM (%s) WHERE kind = 'statement'%s", event.ViewSQL(c.ObjectFiles, c.Project.Stream(project.EntryStream), batches), accountCondition(q.Accounts))
	earlier, err := imported.ListRereads(ctx, c.Catalog)
	if err != nil {
		return m, err
	}
	is, err := imported.ReadCorrections(ctx, c.ObjectFiles, c.Duck, view, earlier.Unlisted())
	if err != nil {
		return m, err
	}
	stored := fmt.Sprintf("stored AS (%s), %s, corrected AS (%s)", view, is.WithSQL(), imported.CorrectedSQL)
	err = c.query(ctx, fmt.Sprintf(doubtsSQL, stored), func(row []string) error {
		doubt := Interval{From: row[4], To: row[5], Kind: string(statement.Booked), State: Broken, Reason: doubtOf(row[3], row[6:]), figures: findingDigest("correction", row[3], row[6:])}
		if key := (accountKey{row[0], row[1], row[2]}); doubt.Reason != "" {
			m.doubts[key] = append(m.doubts[key], doubt)
		}
		return nil
	})
	if err != nil {
		return m, err
	}
	return m, c.query(ctx, fmt.Sprintf(replacedSQL, stored, imported.SQLList(earlier.Unlisted()...)), func(row []string) error {
		key := accountKey{row[0], row[1], row[2]}
		m.replaced[key] = append(m.replaced[key], replacedEntry{day: row[3], by: row[4], amount: row[5]})
		return nil
	})
}

// doubtOf says what is uncertain about the corrections of a reference, given the figures of doubtsSQL; empty if nothing is.
func doubtOf(reference string, found []string) string {
	names, counting, originals, corrections, left := found[0], parseCount(found[1]), parseCount(found[2]), parseCount(found[3]), parseCount(found[4])
	switch {
	case found[5] == "true":
		return fmt.Sprintf("FITID %s is corrected by entries that it corrects itself: none of them counts", reference)
	case left > 0:
		return fmt.Sprintf("FITID %s is corrected by %s, and counts still: its import did not end; import the file again", reference, names)
	case counting > 1:
		return fmt.Sprintf("FITID %s is corrected by %s, and all of these count: nothing says which one is right", reference, names)
	case originals > 1 && originals != corrections:
		return fmt.Sprintf("FITID %s names %d entries, and %d correct it: all of these entries are taken back", reference, originals, corrections)
	}
	return ""
}

// doubtsSQL has a row for each corrected reference: the correcting entries, how many of their references count, how
// many entries have the reference, how many of these are not cancelled, and whether it is corrected in a circle.
const doubtsSQL = `WITH RECURSIVE %s,
made AS (SELECT *, id IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL) AS cancelled FROM correctors),
reach(servicer, account, origin, reference) AS (SELECT servicer, account, corrects, reference FROM made WHERE corrects <> reference
  UNION SELECT r.servicer, r.account, r.origin, m.reference FROM reach r JOIN made m ON m.servicer = r.servicer AND m.account = r.account AND m.corrects = r.reference AND m.corrects <> m.reference)
SELECT servicer, account, min(currency), corrects, CAST(min(day) AS VARCHAR), CAST(max(day) AS VARCHAR),
  coalesce(string_agg(DISTINCT reference, ' and ' ORDER BY reference) FILTER (NOT cancelled), string_agg(DISTINCT reference, ' and ' ORDER BY reference)),
  CAST(count(DISTINCT reference) FILTER (NOT cancelled) AS VARCHAR),
  CAST((SELECT count(*) FROM corrected o WHERE o.servicer = m.servicer AND o.account = m.account AND o.reference = m.corrects AND id NOT IN (FROM again)) AS VARCHAR), CAST(count(*) FILTER (id NOT IN (FROM again)) AS VARCHAR),
  CAST((SELECT count(*) FROM corrected o WHERE o.servicer = m.servicer AND o.account = m.account AND o.reference = m.corrects AND NOT cancelled) AS VARCHAR),
  CAST(EXISTS (SELECT 1 FROM reach r WHERE r.servicer = m.servicer AND r.account = m.account AND r.origin = m.corrects AND r.reference = m.corrects) AS VARCHAR)
FROM made m GROUP BY servicer, account, corrects ORDER BY servicer, account, min(day), corrects`

// replacedSQL selects the corrected entries, each with the earliest day of its corrections, but for those that only retracted files list: no balance
// of a file that counts includes these.
const replacedSQL = `WITH %s
SELECT servicer, account, currency, CAST(day AS VARCHAR), CAST((SELECT min(day) FROM correctors m WHERE m.servicer = o.servicer AND m.account = o.account AND m.corrects = o.reference) AS VARCHAR),
  CAST(amount AS VARCHAR) FROM corrected o WHERE id NOT IN (SELECT unnest([%s]::VARCHAR[])) ORDER BY servicer, account, currency, day, id`

// maxExplained limits the number of entries whose subsets are tried as the difference of two balances.
const maxExplained = 12

// explainedByReplaced reports whether the closing balances of two statements differ by corrected entries. Only the bank knows which
// of its balances contain which amount. If their days overlap, or too many entries were corrected, the difference is accepted.
func (s storedMovements) explainedByReplaced(b, l *Statement) bool {
	from, until := min(b.Reach().From, l.Reach().From), max(b.To, l.To)
	var amounts []string
	for _, r := range s.replaced {
		if max(r.day, r.by) >= from && min(r.day, r.by) <= until {
			amounts = append(amounts, r.amount)
		}
	}
	if len(amounts) == 0 || b.To >= l.From || len(amounts) > maxExplained {
		return len(amounts) > 0
	}
	return isSubsetSum(statement.Subtract(l.Amount, statement.Subtract(l.Closing, b.Closing)), amounts)
}

func isSubsetSum(sum string, amounts []string) bool {
	if len(amounts) == 0 {
		return statement.SameNumber(sum, "0")
	}
	return isSubsetSum(sum, amounts[1:]) || isSubsetSum(statement.Subtract(sum, amounts[0]), amounts[1:])
}

// accountCondition is an SQL condition on accounts; empty if all are meant.
func accountCondition(accounts []string) string {
	if len(accounts) == 0 {
		return ""
	}
	return " AND account IN (" + imported.SQLList(accounts...) + ")"
}
