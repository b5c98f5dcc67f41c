// bursar completeness: shows how complete the record of each account is.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate"
	"bursar/internal/app"
	"bursar/internal/reconcile"

	"github.com/spf13/cobra"
)

func (c *cli) completenessCommand() *cobra.Command {
	var q aggregate.Query
	var all bool
	var accept acceptFlags
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
  bursar completeness --accept 3f2a9c1e5b7d8e90 --reason "the bank confirmed the opening balance by letter"
  bursar completeness --accept 3f2a9c1e5b7d8e90 --undo`,
		Args: argCount(0, -1),
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
			if accept.name != "" {
				return c.open(cmd, func(ctx context.Context, a *app.App) error { return c.accept(ctx, a, accept, q.Until) })
			}
			q.Accounts = args
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error { return c.completeness(ctx, a, q, all) })
		},
	}
	cmd.Flags().StringVar(&q.Until, "until", "", "check calendars up to this day, or today")
	cmd.Flags().BoolVar(&all, "all", false, "show every interval, not only those that are UNKNOWN, BROKEN or have a remark")
	cmd.Flags().StringVar(&accept.name, "accept", "", "accept this interval, which is BROKEN or UNKNOWN; needs --reason")
	cmd.Flags().StringVar(&accept.reason, "reason", "", "why the interval is accepted")
	cmd.Flags().BoolVar(&accept.undo, "undo", false, "withdraw the acceptance")
	return cmd
}

func (c *cli) completeness(ctx context.Context, a *app.App, q aggregate.Query, all bool) error {
	found, broken := map[string]bool{}, 0
	judge := func(each func(aggregate.Account) error) ([]aggregate.Acceptance, error) {
		return a.Completeness(ctx, q, func(account aggregate.Account) error {
			found[account.Account] = true
			broken += account.States[aggregate.Broken]
			return each(account)
		})
	}
	retracted, err := a.RetractedFiles(ctx)
	if err != nil {
		return err
	}
	if c.json {
		more := map[string]any{}
		err = c.list("accounts", more, func(add func(any) error) error {
			stale, err := judge(func(account aggregate.Account) error { return add(account) })
			if len(stale) > 0 {
				more["stale"] = stale
			}
			if len(retracted) > 0 {
				more["retracted"] = retracted
			}
			return err
		})
	} else {
		err = c.printCompleteness(judge, q, all)
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
		err = &verificationError{plural(broken, "interval is", "intervals are") + " BROKEN", true}
	}
	return err
}

// printCompleteness draws the accounts. Their names can be copied into the command line.
func (c *cli) printCompleteness(judge func(each func(aggregate.Account) error) ([]aggregate.Acceptance, error), q aggregate.Query, all bool) error {
	accounts := newGrid("account", "servicer", "currency", "from", "to", string(aggregate.Proven), string(aggregate.Claimed), string(aggregate.Unknown), string(aggregate.Broken))
	details := newGrid("account", "from", "to", "state", "entries", "amount", "closing", "why")
	shown, states := 0, map[aggregate.State]int{}
	var lines []string // full texts, as cells of the table are truncated
	stale, err := judge(func(a aggregate.Account) error {
		account := shellWord(a.Account)
		name := account
		if a.Servicer != "" {
			name += " (" + a.Servicer + ")"
		}
		accounts.add(account, a.Servicer, a.Currency, a.From, a.To, formatCount(a.States[aggregate.Proven]), formatCount(a.States[aggregate.Claimed]), formatCount(a.States[aggregate.Unknown]), formatCount(a.States[aggregate.Broken]))
		for state, n := range a.States {
			states[state] += n
		}
		for _, s := range a.Superseded {
			lines = append(lines, fmt.Sprintf("superseded %s %s – %s: %s (%s) by %s (%s): %s; before: %s", name, s.From, s.To, s.File, s.Place, s.By, s.ByPlace, s.Change, s.Reason))
		}
		for _, i := range a.Intervals {
			if (i.State == aggregate.Proven && i.Reason == "" || i.State == aggregate.Claimed && i.Accepted == nil) && !all {
				continue
			}
			if shown++; shown <= shownIntervals || all {
				details.add(account, i.From, i.To, string(i.State), formatCount(i.Entries), i.Amount, i.Closing, i.Reason)
				lines = append(lines, intervalText(name, i, q.Until)...)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range stale {
		lines = append(lines, staleLine(s))
	}
	return c.result(nil, func(w io.Writer) {
		if len(accounts.rows) == 0 && len(lines) == 0 {
			if len(q.Accounts) == 0 {
				fmt.Fprintln(w, "No statements yet: bursar import FILE…")
			}
			return
		}
		accounts.print(w, width(c.out))
		if shown > 0 {
			c.printFirst(w, details, shown, "--all shows them")
		}
		for _, line := range lines {
			fmt.Fprintln(w, printable(line))
		}
		explainStates(w, states)
	})
}

// stateMeanings are what the states of intervals mean, the best first.
var stateMeanings = []struct {
	state aggregate.State
	text  string
}{
	{aggregate.Proven, "opening balance + entries = closing balance, the bank's own counts and sums agree, and each statement opens with what the one before closed with"},
	{aggregate.Claimed, "the bank states nothing to check the entries against, or a person accepted it"},
	{aggregate.Unknown, "no statement was received"},
	{aggregate.Broken, "a total does not balance"},
}

// explainStates says what the states mean that occur, given the number of intervals of each.
func explainStates(w io.Writer, states map[aggregate.State]int) {
	rest := states[aggregate.Claimed] + states[aggregate.Unknown] + states[aggregate.Broken]
	if rest == 0 && states[aggregate.Proven] > 0 {
		fmt.Fprintf(w, "Every interval is %s: %s.\n", aggregate.Proven, stateMeanings[0].text)
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

// listCounts formats counts by name, such as "3 position, 1 status".
func listCounts(counts map[string]int) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%s %s", formatCount(counts[name]), name))
	}
	return strings.Join(list, ", ")
}
