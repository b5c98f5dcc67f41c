// Applies entries that replace or delete others (CORRECTFITID of OFX): the corrected entries are cancelled, in whatever
// order the files are imported.

package aggregate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/project"
)

// correctionsKnown exists once a correcting entry was read.
const correctionsKnown = "statements/corrections"

func hasCorrections(ctx context.Context, from catalog.Catalog) (known bool, err error) {
	err = from.View(ctx, func(tx catalog.Tx) error {
		known, err = tx.Get(correctionsKnown, new(bool))
		return err
	})
	return known, err
}

// recordCorrections runs before anything is ingested, so that after a crash a later import applies the corrections.
func (r *reading) recordCorrections(ctx context.Context) error {
	if !r.hasCorrects {
		return nil
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(correctionsKnown, true) })
}

// correctedID is the id of the event that cancels a corrected entry. It differs from cancelID: an entry with the same
// content is the same entry, and stays cancelled.
func correctedID(id string) string { return digestOf("corrected", id).String() }

// correctedSQL selects the corrected entries, each with whether it is cancelled. An entry whose reference equals the
// one that it corrects does not correct itself.
const correctedSQL = "SELECT *, id IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL) AS cancelled FROM stored " +
	"WHERE takes_back IS NULL AND corrects IS DISTINCT FROM reference AND (kind, servicer, account, reference) IN " +
	"(SELECT (kind, servicer, account, corrects) FROM correctors)"

// correct cancels the corrected entries if the import has entries that may correct others or be corrected. If something
// may have been cancelled, it also restores entries whose corrections count no more. It depends on stored data alone,
// so that the next import completes one that was cut short. objects are those of the restoring events that count.
func (r *reading) correct(ctx context.Context, cancelled bool) (entries int64, objects []string, err error) {
	if known, err := hasCorrections(ctx, r.Catalog); err != nil || !known || !r.hasUnique && !cancelled {
		return 0, nil, err
	}
	view, err := r.streamView(ctx, project.EntryStream)
	if err != nil || view == "" {
		return 0, nil, err
	}
	earlier, err := rereadsOf(ctx, r.Catalog)
	if err != nil {
		return 0, nil, err
	}
	counting, err := readCorrections(ctx, r.Duck, view, earlier.unlisted())
	if err != nil {
		return 0, nil, err
	}
	columns := textColumns(r.Project.Stream(project.EntryStream))
	stored := fmt.Sprintf("WITH stored AS (%s), %s ", view, counting.withSQL())
	result, err := r.ingestAnswers(ctx, project.EntryStream, stored+fmt.Sprintf("SELECT %s FROM (%s) WHERE NOT cancelled ORDER BY id", columns, correctedSQL), "corrected", cancelling(correctedID))
	if err != nil {
		return result.Accepted, nil, err
	}
	listed, err := r.listedOnce(counting.restorable())
	if err != nil {
		return result.Accepted, nil, err
	}
	if objects, err = r.objectsOfRestored(ctx, view, &counting); err != nil {
		return result.Accepted, nil, err
	}
	_, err = r.ingestAnswers(ctx, project.EntryStream, stored+counting.uncorrectedSQL(columns, listed), "uncorrected", func(event map[string]any) {
		objects = append(objects, stringOf(event["object"]))
		restoring(event)
	})
	return result.Accepted, objects, err
}

// objectsOfRestored returns the objects of the stored restoring events that count.
func (r *reading) objectsOfRestored(ctx context.Context, view string, counting *countingCorrections) (objects []string, err error) {
	if len(counting.restored) == 0 {
		return nil, nil
	}
	sql := "WITH stored AS (" + view + ") SELECT DISTINCT object FROM stored WHERE id IN (" + sqlList(slices.Sorted(maps.Keys(counting.restored))) + ") " +
		"AND id NOT IN (SELECT takes_back FROM stored WHERE takes_back IS NOT NULL)"
	err = queryRows(ctx, r.Duck, sql, func(row []string) error {
		objects = append(objects, row[0])
		return nil
	})
	return objects, err
}

// listedOnce returns the events of those entries that the import lists, and nothing when it is called again: what is cancelled then is listed only by
// statements that do not count. events are by the ids of entries.
func (r *reading) listedOnce(events map[string]string) (list []string, err error) {
	if r.restored || len(events) == 0 {
		return nil, nil
	}
	r.restored = true
	for _, s := range r.spools {
		err := eachLine(s.files[project.EntryStream].path, func(line []byte) error {
			var row struct{ ID string }
			err := json.Unmarshal(line, &row)
			if event := events[row.ID]; event != "" {
				list = append(list, event)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// corrections are what completeness needs to know of the corrections of accounts.
type corrections struct {
	doubts   map[accountKey][]Interval // corrections that are ambiguous or not applied
	replaced map[accountKey][]replacedEntry
}

// replacedEntry is a corrected entry.
type replacedEntry struct {
	day    string
	by     string // day of the correcting entry
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
	earlier, err := rereadsOf(ctx, c.Catalog)
	if err != nil {
		return m, err
	}
	is, err := readCorrections(ctx, c.Duck, view, earlier.unlisted())
	if err != nil {
		return m, err
	}
	stored := fmt.Sprintf("stored AS (%s), %s, corrected AS (%s)", view, is.withSQL(), correctedSQL)
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
	return m, c.query(ctx, fmt.Sprintf(replacedSQL, stored, sqlList(earlier.unlisted())), func(row []string) error {
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

// isSubsetSum reports whether some of the amounts add up to a sum.
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
	return " AND account IN (" + sqlList(accounts) + ")"
}

// textColumns lists the columns of a stream as texts, for SQL.
func textColumns(s *project.Stream) string {
	list := make([]string, len(s.Columns))
	for i := range s.Columns {
		list[i] = fmt.Sprintf("CAST(%s AS VARCHAR)", s.Columns[i].Name)
	}
	return strings.Join(list, ", ")
}
