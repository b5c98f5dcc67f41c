// The record of an account: the states of its intervals, and what is stored of it in the streams.

package completeness

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/project"
)

// record is what the streams have of one account.
type record struct {
	Account
	statements []*Statement
	movements  []movement // by day
	doubts     []Interval // ambiguous corrections
	replaced   []replacedEntry
}

func (r *record) kind(kind statement.Kind) (own []*Statement) {
	for _, s := range r.statements {
		if s.Kind == string(kind) {
			own = append(own, s)
		}
	}
	return own
}

// statementColumns are the columns that are read of statements. Movements use some of them.
var statementColumns = []string{
	"servicer", "account", "currency", "kind", "number", "page", "reference", "from_day", "to_day", "opening", "closing", "closing_day", "entries",
	"amount", "operations", "totals", "fault", "page_fault", "entries_digest", "first_day", "last_day", "page_before", "page_after", "file", "object", "place", "format",
}

// recordsSQL selects the statements of each account, followed by the sums of its booked entries by day.
func (c *Accounts) recordsSQL(ctx context.Context, statements string, q Query) (string, error) {
	where := accountCondition(q.Accounts)
	list := make([]string, len(statementColumns))
	for i, name := range statementColumns {
		list[i] = fmt.Sprintf("CAST(%s AS VARCHAR) AS %[1]s", column.QuoteIdentifier(name))
	}
	sql := fmt.Sprintf("SELECT %s, 0 AS part, day AS sorted, id FROM (%s) WHERE true%s", strings.Join(list, ", "), statements, where)
	batches, err := event.Batches(ctx, c.Catalog, project.EntryStream, 0)
	if err != nil {
		return "", err
	}
	if len(batches) > 0 {
		sql += fmt.Sprintf(" UNION ALL BY NAME SELECT servicer, account, currency, CAST(day AS VARCHAR) AS from_day, CAST(sum(CASE WHEN takes_back IS NULL THEN 1 ELSE -1 END) AS VARCHAR) AS entries, "+
			"CAST(sum(amount) AS VARCHAR) AS amount, 1 AS part, day AS sorted, '' AS id FROM (%s) WHERE kind = 'statement' AND status NOT IN ('PDNG', 'FUTR', 'INFO')%s "+
			"GROUP BY servicer, account, currency, day HAVING sum(CASE WHEN takes_back IS NULL THEN 1 ELSE -1 END) <> 0 OR sum(amount) <> 0", event.ViewSQL(c.ObjectFiles, c.Project.Stream(project.EntryStream), batches), where)
	}
	return "SELECT * FROM (" + sql + ") ORDER BY servicer, account, currency, part, sorted, id", nil
}

// records passes on what is stored of each account, without removed statements.
func (c *Accounts) records(ctx context.Context, statements string, q Query, removed map[string]bool, each func(*record) error) error {
	sql, err := c.recordsSQL(ctx, statements, q)
	if err != nil {
		return err
	}
	retracted, err := imported.Retracted(ctx, c.Catalog)
	if err != nil {
		return err
	}
	objects := imported.ObjectsOf(retracted)
	var r *record
	err = c.query(ctx, sql, func(row []string) error {
		if r == nil || r.Servicer != row[0] || r.Account.Account != row[1] || r.Currency != row[2] {
			if r != nil {
				if err := each(r); err != nil {
					return err
				}
			}
			r = &record{Account: Account{Servicer: row[0], Account: row[1], Currency: row[2]}}
		}
		r.add(row, removed, objects)
		return nil
	})
	if err == nil && r != nil {
		err = each(r)
	}
	return err
}

// add adds a row of recordsSQL. retracted are objects: what is removed of them is not named.
func (r *record) add(row []string, removed map[string]bool, retracted []string) {
	v := map[string]string{}
	for i, name := range statementColumns {
		v[name] = row[i]
	}
	if part := row[len(statementColumns)]; part == "1" {
		r.movements = append(r.movements, movement{v["from_day"], parseCount(v["entries"]), v["amount"]})
		return
	}
	t := &Statement{page: v["page"], totals: v["totals"] == "true", fault: v["fault"], pageFault: v["page_fault"], label: cmp.Or(v["reference"], v["number"])}
	t.closingDay = v["closing_day"]
	t.hasPageBefore, t.hasPageAfter = v["page_before"] == "true", v["page_after"] == "true"
	t.content, t.firstEntryDay, t.lastEntryDay = v["entries_digest"], v["first_day"], v["last_day"]
	t.Kind, t.Number, t.From, t.To = v["kind"], v["number"], v["from_day"], v["to_day"]
	t.Opening, t.Closing, t.Amount = statement.NormalAmount(v["opening"]), statement.NormalAmount(v["closing"]), statement.NormalAmount(v["amount"])
	t.ID, t.Format = row[len(statementColumns)+2], v["format"]
	t.File, t.Object, t.Place = v["file"], v["object"], v["place"]
	t.Entries, t.Operations = parseCount(v["entries"]), parseCount(v["operations"])
	if removed[t.ID] {
		if _, why := t.selfCheck(); !slices.Contains(retracted, t.Object) {
			r.Superseded = append(r.Superseded, superseded(t, t, why.text, "its file was read again by other declarations"))
		}
		return
	}
	r.statements = append(r.statements, t)
}

// query passes on rows of texts; null is empty.
func (c *Accounts) query(ctx context.Context, sql string, each func(row []string) error) error {
	err := imported.Query(ctx, c.ObjectFiles, c.Duck, sql, each)
	if err != nil {
		return fmt.Errorf("read statements: %w", err)
	}
	return nil
}

func parseCount(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("count of a stored event: " + err.Error())
	}
	return n
}

// State says how far the record of an account can be trusted for an interval.
type State string

// The states, the worst last.
const (
	Proven  State = "PROVEN"  // opening + entries = closing, the bank's counts and sums hold, and opening = the previous closing
	Claimed State = "CLAIMED" // the bank states nothing to check the entries against
	Unknown State = "UNKNOWN" // nothing was received
	Broken  State = "BROKEN"  // a total does not balance
)

// Interval is what is known of an account from one day to another, both included.
type Interval struct {
	From       string `json:"from"`
	To         string `json:"to"`
	State      State  `json:"state"`
	Reason     string `json:"reason,omitempty"` // what does not balance or is missing, with both figures
	Kind       string `json:"kind,omitempty"`   // of the message; empty for findings and gaps
	Number     string `json:"number,omitempty"`
	Opening    string `json:"opening,omitempty"` // booked
	Closing    string `json:"closing,omitempty"`
	Entries    int64  `json:"entries"`
	Amount     string `json:"amount,omitempty"` // signed sum of the entries
	Operations int64  `json:"operations"`
	File       string `json:"file,omitempty"` // that lists it
	Object     string `json:"object,omitempty"`
	Place      string `json:"place,omitempty"`

	Name       string      `json:"name,omitempty"`     // for accepting it, if it is BROKEN or UNKNOWN by its statements
	Accepted   *Acceptance `json:"accepted,omitempty"` // by a person; the state is CLAIMED then
	figures    string      // of the reason: see finding.digest
	formerName string      // the name in earlier versions
}

// Account is the record of one account.
type Account struct {
	Institution string        `json:"institution,omitempty"`
	Servicer    string        `json:"servicer,omitempty"`
	Account     string        `json:"account"`
	Currency    string        `json:"currency"`
	From        string        `json:"from"` // first and last day that a statement covers
	To          string        `json:"to"`
	States      map[State]int `json:"states"` // intervals by state
	Intervals   []Interval    `json:"intervals"`
	Superseded  []Superseded  `json:"superseded,omitempty"` // statements that a later version replaces
}

// Statement is a statement as it is stored, one page of it, or joined from its pages.
type Statement struct {
	Interval
	ID            string
	Format        string
	page          string
	content       string // digest of its entries
	firstEntryDay string // day of its first booked entry, and below of its last; empty if it has none
	lastEntryDay  string
	closingDay    string       // day of its closing balance
	totals        bool         // the bank states totals or balances
	fault         string       // what does not balance in the statement itself
	faultDigest   string       // see finding.digest; empty for a fault that is stored with the statement
	conflicts     bool         // rows of it in quarantine contradict stored rows
	pageFault     string       // what does not balance on a page alone
	early         bool         // made before its last day had ended: another statement continues it
	hasPageBefore bool         // it continues another page
	hasPageAfter  bool         // another page continues it
	missingPages  string       // the pages that are missing, in words
	label         string       // by which its entries name it
	parts         []*Statement // the pages that it was joined from; nil for a single statement
}

// balanced reports whether the statement has both booked balances.
func (t *Statement) balanced() bool { return t.Opening != "" && t.Closing != "" }

// addsUp reports whether opening + entries = closing, for a statement with both balances.
func (t *Statement) addsUp() bool {
	return statement.Subtract(t.Closing, t.Opening) == statement.NormalAmount(t.Amount)
}

// Days is a range of days, both included.
type Days struct{ From, To string }

// Reach is the days of the statement and its entries.
func (t *Statement) Reach() Days {
	return Days{min(t.From, cmp.Or(t.firstEntryDay, t.From)), max(t.To, t.lastEntryDay)}
}

// finding is something that does not balance. The zero value is nothing.
type finding struct {
	text   string
	digest string // of its kind and figures, independent of the wording
}

// newFinding makes a finding of a kind, with its figures formatted into words.
func newFinding(kind, format string, figures ...any) finding {
	return finding{fmt.Sprintf(format, figures...), findingDigest(kind, figures...)}
}

func findingDigest(kind string, figures ...any) string {
	texts := []string{kind}
	for _, f := range figures {
		texts = append(texts, fmt.Sprint(f))
	}
	return identity.Of(texts...).String()
}
