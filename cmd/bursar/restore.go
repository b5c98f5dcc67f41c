// bursar restore: brings archived periods of a table back.

package main

import (
	"context"
	"errors"
	"time"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/warehouse/archive"

	"github.com/spf13/cobra"
)

func (c *cli) restoreCommand() *cobra.Command {
	var from, to, tier, keep string
	cmd := &cobra.Command{
		Use:   "restore TABLE",
		Short: "Bring archived periods of a table back into the warehouse",
		Long: `Brings the archived periods of a table that are between two days, months or years back, both included; without --from or --to
from the first one, or to the last one. Counts, control totals and digests are compared with those of the journal. Each period is
one transaction: interrupted, the command continues where it was.

With --tier warm, cold periods become readable in the view TABLE_all, and stay out of the warehouse's file (DuckDB only).

Restored periods stay for a week, or for the time that --keep gives, whatever their age is. After that ` + "`bursar archive`" + ` moves them
again; with --before or --cold-before it does so before.`,
		Example: `  bursar restore events_sales --from 2010-01 --to 2010-06
  bursar restore events_sales --from 2010 --to 2010 --tier warm
  bursar restore events_sales --keep "3 months"`,
		Args: argCount(1, 1),
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, args []string) error {
			within, err := rangeOf(from, to)
			if err != nil {
				return err
			}
			if tier != string(archive.Hot) && tier != string(archive.Warm) {
				return usagef("--tier %s: use hot or warm", tier)
			}
			age, ok := project.ParseAge(keep)
			if !ok && keep != "0" {
				return usagef("--keep %s: use 0, or a time such as 7 days, 3 months or 1 year", keep)
			}
			moves, err := a.PlanRestore(ctx, args[0], within, archive.Tier(tier), age)
			if err != nil {
				return err
			}
			done, err := c.move(ctx, a, "restore", moves)
			printErr := c.printMoved(done, "Nothing to do: no period of this range is in a lower tier.")
			if err != nil {
				err = &interruptedError{err, "what was restored stays; the same command continues from there"}
			}
			return errors.Join(printErr, err)
		}),
		ValidArgsFunction: c.completeFirst(archivedTableNames, cobra.ShellCompDirectiveNoFileComp),
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "first `day`, month or year")
	flags.StringVar(&to, "to", "", "last `day`, month or year")
	flags.StringVar(&tier, "tier", string(archive.Hot), "hot or warm")
	flags.StringVar(&keep, "keep", "7 days", "how long restored periods stay: days, months or years; 0: until the next archive")
	return cmd
}

// rangeOf returns the days from the first of one period until the last of another one.
func rangeOf(from, to string) (archive.Period, error) {
	within := archive.Period{Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if from != "" {
		p, err := archive.ParsePeriod(from)
		if err != nil {
			return within, usagef("--from: %v", err)
		}
		within.First = p.First
	}
	if to != "" {
		p, err := archive.ParsePeriod(to)
		if err != nil {
			return within, usagef("--to: %v", err)
		}
		within.Until = p.Until
	}
	if !within.First.Before(within.Until) {
		return within, usagef("--from %s is after --to %s", from, to)
	}
	return within, nil
}
