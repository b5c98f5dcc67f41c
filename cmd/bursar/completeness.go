// bursar completeness: shows how complete the record of each account is.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/app"
	"bursar/internal/decimal"
	"bursar/internal/project"
	"bursar/internal/reconcile"
)

func (c *cli) completenessCommand() *cobra.Command {
	var q completeness.Query
	var all bool
	var accept acceptFlags
	var o rowFlags
	cmd := &cobra.Command{
		Use:   "completeness [ACCOUNT…]",
		Short: "Show how complete each account's record is",
		Long: `Checks every account and interval by the control totals of the statements:

  PROVEN   opening + entries = closing, the bank's counts and sums are right, and the opening equals the previous closing
  CLAIMED  the bank gives no figures to check the entries against
  UNKNOWN  nothing was received, but the institution's calendar expects a statement
  BROKEN   a total is wrong: both figures are shown

An institution declares in institutions/*.yaml when statements come: ` + "`statements: every file day`" + `, daily, weekdays, or a
calendar such as target. Calendars are checked up to the last day of its statements, or up to --until. The exit code is 4 if
an interval is BROKEN.

With --accept, a person accepts an interval that is BROKEN or UNKNOWN and cannot be repaired. Give the name that this command
shows, or the number of the statement. The interval is then CLAIMED, never PROVEN, and shown with reason and time; entries and
balances do not change. If its figures change later, it is BROKEN again. Accepted UNKNOWN days stay accepted; days after them
are UNKNOWN. With --until, days up to this one can be accepted. --undo withdraws an acceptance, by the same name or number.
Acceptances that match no interval any more are listed as stale.`,
		Example: `  bursar completeness
  bursar completeness LT625883379695428516 --all
  bursar completeness --until today --json
  bursar completeness --to intervals.csv
  bursar completeness --accept 3f2a9c1e5b7d8e90 --reason "the bank confirmed the opening balance by letter"
  bursar completeness --accept 3f2a9c1e5b7d8e90 --undo`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.Until == "today" {
				q.Until = time.Now().UTC().Format(time.DateOnly)
			}
			if _, err := time.Parse(time.DateOnly, q.Until); err != nil && q.Until != "" {
				return usagef("--until %s: use a day such as 2024-07-31, or today", q.Until)
			}
			if err := accept.check(cmd, args); err != nil {
				return err
			}
			if err := o.check(cmd, c.json); err != nil {
				return err
			}
			if accept.name != "" {
				return c.open(cmd, func(ctx context.Context, a *app.App) error { return c.accept(ctx, a, accept, q.Until) })
			}
			q.Accounts = args
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error { return c.completeness(ctx, a, q, all, &o) })
		},
	}
	o.addTo(cmd, 0, "")
	cmd.Flags().StringVar(&q.Until, "until", "", "check calendars up to this day, or today")
	cmd.Flags().BoolVar(&all, "all", false, "show every interval, not only those that are UNKNOWN, BROKEN or have a remark; csv, jsonl and parquet have every one")
	cmd.Flags().StringVar(&accept.name, "accept", "", "accept this interval, which is BROKEN or UNKNOWN; needs --reason")
	cmd.Flags().StringVar(&accept.reason, "reason", "", "why the interval is accepted")
	cmd.Flags().BoolVar(&accept.undo, "undo", false, "withdraw the acceptance")
	return cmd
}

func (c *cli) completeness(ctx context.Context, a *app.App, q completeness.Query, all bool, o *rowFlags) error {
	found, broken := map[string]bool{}, 0
	var judge judgement = func(each func(completeness.Account) error) ([]completeness.Acceptance, error) {
		return a.Completeness(ctx, q, func(account completeness.Account) error {
			found[account.Account] = true
			broken += account.States[completeness.Broken]
			return each(account)
		})
	}
	retracted, err := a.RetractedFiles(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.format == listFormat:
		l := listing[completeness.Account]{name: "accounts", more: map[string]any{}}
		err = printRows(c, o, &l, func(add func(completeness.Account) error) error {
			stale, err := judge(add)
			if len(stale) > 0 {
				l.more["stale"] = stale
			}
			if len(retracted) > 0 {
				l.more["retracted"] = retracted
			}
			return err
		})
	case !o.forPeople():
		err = c.intervalRows(o, judge, nil)
	default:
		err = c.printCompleteness(judge, q, all, a.Project, o)
		printRetractedFiles(c.out, retracted)
	}
	if err != nil {
		return err
	}
	for _, name := range q.Accounts {
		if !found[name] {
			err = errors.Join(err, &reconcile.NotFoundError{What: "a statement of account " + name})
		}
	}
	err = withHint(err, "`bursar completeness` lists the accounts")
	if err == nil && broken > 0 {
		err = &unbalancedError{error: errors.New(plural(broken, "interval is", "intervals are") + " BROKEN")}
	}
	return err
}

// judgement calls each for every account, and returns the stale acceptances.
type judgement func(each func(completeness.Account) error) ([]completeness.Acceptance, error)

// intervalRows prints the intervals of the accounts as rows and, for people, what after prints.
func (c *cli) intervalRows(o *rowFlags, judge judgement, after func(w io.Writer, rows int)) error {
	l := listing[accountInterval]{after: after, currency: "currency", fields: typedFields("institution string, servicer string, account string, currency string, from date, to date, " +
		"state string, entries bigint, amount decimal(38,5), opening decimal(38,5), closing decimal(38,5), reason string, kind string, number string, file string, " +
		"object string, place string, name string")}
	l.row = func(i accountInterval) []any {
		return []any{
			i.institution, i.servicer, i.Account, i.Currency, i.From, i.To, i.State, i.Entries, readableAmount(i.Amount),
			readableAmount(i.Opening), readableAmount(i.Closing), i.Reason, i.Kind, i.Number, i.File, i.Object, i.Place, i.Name,
		}
	}
	return printRows(c, o, &l, func(add func(accountInterval) error) error {
		_, err := judge(func(a completeness.Account) error {
			for _, i := range a.Intervals {
				if err := add(accountInterval{a.Account, a.Currency, i, a.Institution, a.Servicer}); err != nil {
					return err
				}
			}
			return nil
		})
		return err
	})
}

// readableAmount returns nil for a balance that the file states in a way that cannot be read; the reason quotes it.
func readableAmount(text string) any {
	if _, _, ok := decimal.Parse(text); !ok {
		return nil
	}
	return text
}

// accountInterval is an interval as a line of jsonl.
type accountInterval struct {
	Account  string `json:"account"`
	Currency string `json:"currency"`
	completeness.Interval
	institution, servicer string
}

// printCompleteness draws the accounts. Their names can be copied into the command line.
func (c *cli) printCompleteness(judge judgement, q completeness.Query, all bool, declared *project.Project, o *rowFlags) error {
	accounts := newGrid("account", "currency", string(completeness.Proven), string(completeness.Claimed), string(completeness.Unknown), string(completeness.Broken), "from", "to", "servicer")
	details := newGrid("account", "from", "to", "state", "entries", "amount", "closing", "why")
	accounts.hint, details.hint = columnsHint, columnsHint+"; the lines below explain"
	shown, unchecked, states := 0, 0, map[completeness.State]int{}
	var chosen []completeness.Account // with the intervals to show
	var lines []string                // full texts, as cells of the table are truncated
	stale, err := judge(func(a completeness.Account) error {
		account := shellWord(a.Account)
		name := account
		if a.Servicer != "" {
			name += " (" + a.Servicer + ")"
		}
		accounts.add(account, a.Currency, formatCount(a.States[completeness.Proven]), formatCount(a.States[completeness.Claimed]), formatCount(a.States[completeness.Unknown]),
			formatCount(a.States[completeness.Broken]), a.From, a.To, a.Servicer)
		for state, n := range a.States {
			states[state] += n
		}
		if bank := declared.InstitutionOf(a.Servicer, a.Account); bank == nil || bank.Statements.Kind == project.NoCalendar {
			unchecked++
		}
		for _, s := range a.Superseded {
			lines = append(lines, fmt.Sprintf("superseded %s %s – %s: %s (%s) by %s (%s): %s; before: %s", name, s.From, s.To, s.File, s.Place, s.By, s.ByPlace, s.Change, s.Reason))
		}
		intervals := a.Intervals
		a.Intervals = nil
		for _, i := range intervals {
			if (i.State == completeness.Proven && i.Reason == "" || i.State == completeness.Claimed && i.Accepted == nil) && !all {
				continue
			}
			if shown++; shown <= shownIntervals || all {
				details.add(account, i.From, i.To, string(i.State), formatCount(i.Entries), c.amount(i.Amount, a.Currency), c.amount(i.Closing, a.Currency), i.Reason)
				a.Intervals = append(a.Intervals, i)
				lines = append(lines, intervalText(name, i, q.Until)...)
			}
		}
		chosen = append(chosen, a)
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range stale {
		lines = append(lines, staleLine(s))
	}
	explain := func(w io.Writer, _ int) {
		printRest(w, shown-len(details.rows), "--all shows them")
		for _, line := range lines {
			fmt.Fprintln(w, printable(line))
		}
		explainStates(w, states)
		if unchecked > 0 {
			fmt.Fprintf(w, "No calendar is declared for %s: a missing statement shows only where balances do not connect; "+
				"declare `statements:` in institutions/*.yaml.\n", plural(unchecked, "account", "accounts"))
		}
		if len(accounts.rows) == 0 && len(lines) == 0 && len(q.Accounts) == 0 {
			fmt.Fprintln(w, "No statements yet: bursar import FILE…")
		}
	}
	if o.isOwnTable() {
		return c.result(nil, func(w io.Writer) {
			if len(accounts.rows) > 0 || len(lines) > 0 {
				accounts.print(w, width(c.out))
			}
			if shown > 0 {
				details.print(w, width(c.out))
			}
			explain(w, shown)
		})
	}
	return c.intervalRows(o, func(each func(completeness.Account) error) ([]completeness.Acceptance, error) {
		for _, a := range chosen {
			if err := each(a); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}, explain)
}

// amount formats an amount for people on a terminal.
func (c *cli) amount(text, currency string) string {
	if text == "" || width(c.out) == 0 {
		return text
	}
	return formatMoney(text, currency)
}

// stateMeanings are what the states of intervals mean, the best first.
var stateMeanings = []struct {
	state completeness.State
	text  string
}{
	{completeness.Proven, "opening balance + entries = closing balance, the bank's own counts and sums agree, and each statement opens with what the one before closed with"},
	{completeness.Claimed, "the bank states nothing to check the entries against, or a person accepted it"},
	{completeness.Unknown, "a statement is missing: it is expected and was not received"},
	{completeness.Broken, "a total does not balance"},
}

// explainStates says what the states mean that occur, given the number of intervals of each.
func explainStates(w io.Writer, states map[completeness.State]int) {
	rest := states[completeness.Claimed] + states[completeness.Unknown] + states[completeness.Broken]
	if rest == 0 && states[completeness.Proven] > 0 {
		fmt.Fprintf(w, "Every interval is %s: %s.\n", completeness.Proven, stateMeanings[0].text)
		return
	}
	for _, m := range stateMeanings {
		if states[m.state] > 0 {
			fmt.Fprintf(w, "%s: %s.\n", m.state, m.text)
		}
	}
}

// shownIntervals is the maximum number of intervals without --all.
const shownIntervals = 40
