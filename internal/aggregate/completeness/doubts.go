// Corrections of entries that are ambiguous, and what they explain.

package completeness

import (
	"context"
	"fmt"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/imported"
	"bursar/internal/event"
	"bursar/internal/project"
)

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
	known, err := imported.HasCorrections(ctx, c.Catalog)
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
func (s storedMovements) explainedByReplaced(b, l *storedStatement) bool {
	from := min(b.reach().from, l.reach().from)
	until := max(b.To, l.To)
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
