// Completeness: what the statements of every account prove, claim, lack and contradict.

package aggregate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/statement"
	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Completeness judges the stored statements. It changes nothing.
type Completeness struct {
	Objects interface {
		object.Store
		object.Local
	}
	Catalog catalog.Catalog
	Project *project.Project
	Duck    duck.Options
}

// Query says what is asked of the record.
type Query struct {
	Accounts []string // numbers; none is all
	Until    string   // a day until which calendars are held; empty is the last that the institution's statements speak of
}

// Judge hands on each account with its intervals, sorted by servicer, number and currency. Memory holds one account's statements.
func (c *Completeness) Judge(ctx context.Context, q Query, each func(Account) error) error {
	batches, err := event.Batches(ctx, c.Catalog, project.StatementStream, 0)
	if err != nil || len(batches) == 0 {
		return err
	}
	view := event.ViewSQL(c.Objects, c.Project.Stream(project.StatementStream), batches)
	days, err := c.fileDays(ctx, view)
	if err != nil {
		return err
	}
	held, err := c.quarantined(ctx)
	if err != nil {
		return err
	}
	return c.accounts(ctx, view, q, func(a *Account, statements []*told) error {
		for _, s := range statements {
			s.fault = cmp.Or(s.fault, held.of(a, s))
		}
		c.judge(a, statements, days, q.Until)
		return each(*a)
	})
}

// fileDays are the days that an institution's statements speak of, by its name.
type fileDays map[string]map[string]bool

func (c *Completeness) fileDays(ctx context.Context, view string) (fileDays, error) {
	days := fileDays{}
	err := c.query(ctx, "SELECT DISTINCT servicer, account, strftime(day, '%Y-%m-%d') FROM ("+view+")", func(row []string) error {
		name := c.institution(row[0], row[1])
		if days[name] == nil {
			days[name] = map[string]bool{}
		}
		days[name][row[2]] = true
		return nil
	})
	return days, err
}

// last is the latest of an institution's days.
func (d fileDays) last(institution string) (day string) {
	for other := range d[institution] {
		day = max(day, other)
	}
	return day
}

func (c *Completeness) institution(servicer, account string) string {
	if i := c.Project.InstitutionOf(servicer, account); i != nil {
		return i.Name
	}
	return ""
}

// judge makes an account's intervals: those of each kind of message, then what is missing.
func (c *Completeness) judge(a *Account, statements []*told, days fileDays, until string) {
	a.Institution = c.institution(a.Servicer, a.Account)
	expects, declared := c.expects(a.Institution, days)
	for _, kind := range []statement.Kind{statement.Booked, statement.Report, statement.Notification} {
		var own []*told
		for _, s := range statements {
			if s.Kind == string(kind) {
				own = append(own, s)
			}
		}
		if kind == statement.Booked {
			a.Intervals = append(a.Intervals, chainOf(own, expects)...)
			continue
		}
		for _, s := range own { // reports and notifications need not follow on one another
			a.Intervals = append(a.Intervals, chainOf([]*told{s}, nil)...)
		}
	}
	for _, i := range a.Intervals {
		if i.Kind != "" {
			a.From, a.To = min(cmp.Or(a.From, i.From), i.From), max(a.To, i.To)
		}
	}
	a.Intervals = append(a.Intervals, missing(a.Intervals, expects, declared, cmp.Or(until, days.last(a.Institution)))...)
	slices.SortStableFunc(a.Intervals, func(x, y Interval) int { return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To)) })
	a.States = map[State]int{}
	for _, i := range a.Intervals {
		a.States[i.State]++
	}
}

// expects is the rule by which an institution sends statements, and its name; nil where none is declared.
func (c *Completeness) expects(institution string, days fileDays) (rule func(day time.Time) bool, declared string) {
	i := c.Project.Institution(institution)
	if i == nil || i.Statements.Kind == project.NoCalendar {
		return nil, ""
	}
	return func(day time.Time) bool {
		if i.Statements.Kind == project.EveryFileDay && !days[institution][day.Format(time.DateOnly)] {
			return false
		}
		return i.Statements.Expects(day)
	}, string(i.Statements.Kind)
}

// columns of a statement as accounts reads them.
var statementColumns = []string{
	"servicer", "account", "currency", "kind", "number", "page", "reference", "from_day", "to_day",
	"opening", "closing", "entries", "amount", "operations", "totals", "fault", "file", "object", "place",
}

// accounts hands on the statements of each account.
func (c *Completeness) accounts(ctx context.Context, view string, q Query, each func(*Account, []*told) error) error {
	list := make([]string, len(statementColumns))
	for i, name := range statementColumns {
		list[i] = fmt.Sprintf("CAST(%s AS VARCHAR)", column.QuoteIdentifier(name))
	}
	where := ""
	if len(q.Accounts) > 0 {
		literals := make([]string, len(q.Accounts))
		for i, a := range q.Accounts {
			literals[i] = duck.Literal(a)
		}
		where = " WHERE account IN (" + strings.Join(literals, ", ") + ")"
	}
	var account *Account
	var statements []*told
	err := c.query(ctx, fmt.Sprintf("SELECT %s FROM (%s)%s ORDER BY servicer, account, currency, day, id", strings.Join(list, ", "), view, where), func(row []string) error {
		if account == nil || account.Servicer != row[0] || account.Account != row[1] || account.Currency != row[2] {
			if account != nil {
				if err := each(account, statements); err != nil {
					return err
				}
			}
			account, statements = &Account{Servicer: row[0], Account: row[1], Currency: row[2]}, nil
		}
		statements = append(statements, toldBy(row))
		return nil
	})
	if err == nil && account != nil {
		err = each(account, statements)
	}
	return err
}

// toldBy reads a row of statementColumns.
func toldBy(row []string) *told {
	v := map[string]string{}
	for i, name := range statementColumns {
		v[name] = row[i]
	}
	t := &told{page: v["page"], totals: v["totals"] == "true", fault: v["fault"], label: cmp.Or(v["reference"], v["number"])}
	t.Kind, t.Number, t.From, t.To = v["kind"], v["number"], v["from_day"], v["to_day"]
	t.Opening, t.Closing, t.Amount = short(v["opening"]), short(v["closing"]), short(v["amount"])
	t.File, t.Object, t.Place = v["file"], v["object"], v["place"]
	t.Entries, t.Operations = number(v["entries"]), number(v["operations"])
	return t
}

// query hands on rows of texts; null is empty.
func (c *Completeness) query(ctx context.Context, sql string, each func(row []string) error) error {
	session, err := duck.Open(c.Duck)
	if err != nil {
		return err
	}
	defer session.Close()
	err = session.Query(ctx, sql, func(columns []column.Vector) error {
		row := make([]string, len(columns))
		for i := range columns[0].Len() {
			for j := range columns {
				row[j] = string(columns[j].AppendPlain(nil, i))
			}
			if err := each(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read statements: %w", err)
	}
	return nil
}

// held are rows of statements that are in quarantine: what a statement says and its account does not hold.
type held map[string]*heldRows

type heldRows struct {
	rows  int
	first string
}

// source is what a row says of where it comes from.
type source struct{ Object, Account, Statement, Place string }

func (s source) key() string { return s.Object + "\x00" + s.Account + "\x00" + s.Statement }

// quarantined reads the rows of entries, details and balances that are in quarantine.
func (c *Completeness) quarantined(ctx context.Context) (held, error) {
	all := held{}
	for _, stream := range project.BuiltinStreams[:len(project.BuiltinStreams)-1] {
		err := event.Quarantine(ctx, c.Catalog, c.Objects, stream, func(r event.Rejected) error {
			var from source
			if err := json.Unmarshal([]byte(r.Raw), &from); err != nil {
				return fmt.Errorf("read quarantine of %s: %w", stream, err)
			}
			if all[from.key()] == nil {
				all[from.key()] = &heldRows{first: fmt.Sprintf("%s: %s (%s)", from.Place, r.Reason, stream)}
			}
			all[from.key()].rows++
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// of is what is wrong with a statement whose rows are in quarantine; empty if none are.
func (h held) of(a *Account, t *told) string {
	rows := h[source{Object: t.Object, Account: a.Account, Statement: t.label}.key()]
	if rows == nil {
		return ""
	}
	return fmt.Sprintf("%d of its rows are in quarantine; the first is %s", rows.rows, rows.first)
}
