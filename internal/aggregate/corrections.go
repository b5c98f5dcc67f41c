// Entries that replace or delete others (CORRECTFITID of OFX): what they take the place of is taken back, in whichever order they come.

package aggregate

import (
	"context"
	"fmt"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/project"
)

// correctionsKnown is there once an entry that takes the place of another was read.
const correctionsKnown = "statements/corrections"

func hasCorrections(ctx context.Context, from catalog.Catalog) (known bool, err error) {
	err = from.View(ctx, func(tx catalog.Tx) error {
		known, err = tx.Get(correctionsKnown, new(bool))
		return err
	})
	return known, err
}

// recordCorrections is done before anything is taken in: after a crash a later import takes back what this one did not.
func (r *reading) recordCorrections(ctx context.Context) error {
	if !r.hasCorrects {
		return nil
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(correctionsKnown, true) })
}

// correctedID is the id of what takes an entry back whose place another takes. It is not backID: an entry that says the same
// again is the same one, and stays taken back.
func correctedID(id string) string { return digestOf("corrected", id).String() }

// correctedSQL are the entries whose place others take, each with whether it is taken back. One that has the reference which it
// corrects does not take its own place.
const correctedSQL = "SELECT *, id IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL) AS gone FROM stored " +
	"WHERE takes_back IS NULL AND corrects IS DISTINCT FROM reference AND (kind, servicer, account, reference) IN " +
	"(SELECT (kind, servicer, account, corrects) FROM correctors)"

// correct takes back the entries whose place others take, where the import has entries that may do so, or that others may replace; and has
// those count again whose corrections count no more, where something may have been taken back. All of it is found in what is stored, so that an
// import that ends before it is made good by the next.
func (r *reading) correct(ctx context.Context, takenBack bool) (entries int64, err error) {
	if known, err := hasCorrections(ctx, r.Catalog); err != nil || !known || !r.hasUnique && !takenBack {
		return 0, err
	}
	view, err := r.streamView(ctx, project.EntryStream)
	if err != nil || view == "" {
		return 0, err
	}
	is, err := readCorrections(ctx, r.Duck, view)
	if err != nil {
		return 0, err
	}
	columns := textColumns(r.Project.Stream(project.EntryStream))
	stored := fmt.Sprintf("WITH stored AS (%s), %s ", view, is.withSQL())
	result, err := r.ingestAnswers(ctx, project.EntryStream, stored+fmt.Sprintf("SELECT %s FROM (%s) WHERE NOT gone ORDER BY id", columns, correctedSQL), "corrected", cancelling(correctedID))
	if err == nil {
		_, err = r.ingestAnswers(ctx, project.EntryStream, stored+is.uncorrectedSQL(columns), "uncorrected", restoring)
	}
	return result.Accepted, err
}

// corrections are what the completeness knows of the corrections of accounts.
type corrections struct {
	doubts   map[accountKey][]Interval // those that say nothing certain, or that are not done
	replaced map[accountKey][]replacedEntry
}

// replacedEntry is an entry whose place another takes.
type replacedEntry struct {
	day    string
	by     string // day of the other
	amount string
}

func (m *corrections) forAccount(a *Account) ([]Interval, []replacedEntry) {
	key := accountKey{a.Servicer, a.Account, a.Currency}
	return m.doubts[key], m.replaced[key]
}

func (c *Completeness) corrections(ctx context.Context, q Query) (m corrections, err error) {
	known, err := hasCorrections(ctx, c.Catalog)
	if err != nil || !known {
		return m, err
	}
	batches, err := event.Batches(ctx, c.Catalog, project.EntryStream, 0)
	if err != nil || len(batches) == 0 {
		return m, err
	}
	m.doubts, m.replaced = map[accountKey][]Interval{}, map[accountKey][]replacedEntry{}
	view := fmt.Sprintf("SELECT * FROM (%s) WHERE kind = 'statement'%s", event.ViewSQL(c.Objects, c.Project.Stream(project.EntryStream), batches), accountCondition(q.Accounts))
	is, err := readCorrections(ctx, c.Duck, view)
	if err != nil {
		return m, err
	}
	stored := fmt.Sprintf("stored AS (%s), %s, corrected AS (%s)", view, is.withSQL(), correctedSQL)
	err = c.query(ctx, fmt.Sprintf(doubtsSQL, stored), func(row []string) error {
		is := Interval{From: row[4], To: row[5], Kind: string(statement.Booked), State: Broken, Reason: doubtOf(row[3], row[6:]), figures: findingDigest("correction", row[3], row[6:])}
		if key := (accountKey{row[0], row[1], row[2]}); is.Reason != "" {
			m.doubts[key] = append(m.doubts[key], is)
		}
		return nil
	})
	if err != nil {
		return m, err
	}
	return m, c.query(ctx, fmt.Sprintf(replacedSQL, stored), func(row []string) error {
		key := accountKey{row[0], row[1], row[2]}
		m.replaced[key] = append(m.replaced[key], replacedEntry{day: row[3], by: row[4], amount: row[5]})
		return nil
	})
}

// doubtOf says what is not certain of the corrections of a reference, of which doubtsSQL found some numbers; empty where all is.
func doubtOf(reference string, found []string) string {
	names, counting, originals, corrections, left := found[0], number(found[1]), number(found[2]), number(found[3]), number(found[4])
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

// doubtsSQL has a row for each reference that entries correct: who does so, how many references of these count, the entries of that
// reference and those that are not taken back, and whether it is corrected in a circle.
const doubtsSQL = `WITH RECURSIVE %s,
made AS (SELECT *, id IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL) AS gone FROM correctors),
reach(servicer, account, origin, reference) AS (SELECT servicer, account, corrects, reference FROM made WHERE corrects <> reference
  UNION SELECT r.servicer, r.account, r.origin, m.reference FROM reach r JOIN made m ON m.servicer = r.servicer AND m.account = r.account AND m.corrects = r.reference AND m.corrects <> m.reference)
SELECT servicer, account, min(currency), corrects, CAST(min(day) AS VARCHAR), CAST(max(day) AS VARCHAR),
  coalesce(string_agg(DISTINCT reference, ' and ' ORDER BY reference) FILTER (NOT gone), string_agg(DISTINCT reference, ' and ' ORDER BY reference)),
  CAST(count(DISTINCT reference) FILTER (NOT gone) AS VARCHAR),
  CAST((SELECT count(*) FROM corrected o WHERE o.servicer = m.servicer AND o.account = m.account AND o.reference = m.corrects AND id NOT IN (FROM again)) AS VARCHAR), CAST(count(*) FILTER (id NOT IN (FROM again)) AS VARCHAR),
  CAST((SELECT count(*) FROM corrected o WHERE o.servicer = m.servicer AND o.account = m.account AND o.reference = m.corrects AND NOT gone) AS VARCHAR),
  CAST(EXISTS (SELECT 1 FROM reach r WHERE r.servicer = m.servicer AND r.account = m.account AND r.origin = m.corrects AND r.reference = m.corrects) AS VARCHAR)
FROM made m GROUP BY servicer, account, corrects ORDER BY servicer, account, min(day), corrects`

// replacedSQL are the entries whose place others take, with the earliest day of these.
const replacedSQL = `WITH %s
SELECT servicer, account, currency, CAST(day AS VARCHAR), CAST((SELECT min(day) FROM correctors m WHERE m.servicer = o.servicer AND m.account = o.account AND m.corrects = o.reference) AS VARCHAR),
  CAST(amount AS VARCHAR) FROM corrected o ORDER BY servicer, account, currency, day, id`

// mostExplained is how many entries are tried for what two balances differ by.
const mostExplained = 12

// explainedByReplaced reports whether what two statements close with differs by entries that were replaced: only the bank knows which of its balances
// have the one amount, and which the other. Where their days overlap, or too many entries were replaced, nothing is held against it.
func (s storedMovements) explainedByReplaced(b, l *storedStatement) bool {
	from := min(b.reach().from, l.reach().from)
	until := max(b.To, l.To)
	var amounts []string
	for _, r := range s.replaced {
		if max(r.day, r.by) >= from && min(r.day, r.by) <= until {
			amounts = append(amounts, r.amount)
		}
	}
	if len(amounts) == 0 || b.To >= l.From || len(amounts) > mostExplained {
		return len(amounts) > 0
	}
	return isSubsetSum(difference(l.Amount, difference(l.Closing, b.Closing)), amounts)
}

// isSubsetSum reports whether some of the amounts sum up to one.
func isSubsetSum(of string, amounts []string) bool {
	if len(amounts) == 0 {
		return same(of, "0")
	}
	return isSubsetSum(of, amounts[1:]) || isSubsetSum(difference(of, amounts[0]), amounts[1:])
}

// accountCondition is a condition on accounts; empty where all are meant.
func accountCondition(accounts []string) string {
	if len(accounts) == 0 {
		return ""
	}
	return " AND account IN (" + sqlList(accounts) + ")"
}

// textColumns are the columns of a stream as texts.
func textColumns(s *project.Stream) string {
	list := make([]string, len(s.Columns))
	for i := range s.Columns {
		list[i] = fmt.Sprintf("CAST(%s AS VARCHAR)", s.Columns[i].Name)
	}
	return strings.Join(list, ", ")
}
