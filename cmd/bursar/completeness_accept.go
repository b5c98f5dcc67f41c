// bursar completeness --accept: accepts an interval that its statements do not prove.

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/app"

	"github.com/spf13/cobra"
)

type acceptFlags struct {
	name, reason string
	undo         bool
}

// check rejects combinations of flags that are not allowed.
func (f *acceptFlags) check(cmd *cobra.Command, accounts []string) error {
	given := func(flag string) bool { return cmd.Flags().Changed(flag) }
	switch {
	case !given("accept") && (given("reason") || f.undo):
		return usagef("--reason and --undo need --accept")
	case !given("accept"):
		return nil
	case f.name == "":
		return usagef("--accept needs the name of an interval, as `bursar completeness` shows it")
	case len(accounts) > 0 || given("all") || given("format") || given("to") || given("columns"):
		return usagef("--accept cannot be combined with accounts, --all, --format, --to or --columns")
	case f.undo && (given("reason") || given("until")):
		return usagef("--undo cannot be combined with --reason or --until")
	case !f.undo && strings.TrimSpace(f.reason) == "":
		return usagef("--accept needs --reason: say why the interval is accepted")
	}
	return nil
}

func (c *cli) accept(ctx context.Context, a *app.App, f acceptFlags, until string) error {
	accepted, err := a.AcceptInterval(ctx, f.name, strings.TrimSpace(f.reason), until, f.undo)
	if err != nil {
		return err
	}
	return c.result(map[string]any{"accepted": accepted, "undone": f.undo}, func(w io.Writer) {
		verb := "Accepted"
		if f.undo {
			verb = "No longer accepted"
		}
		fmt.Fprintln(w, printable(fmt.Sprintf("%s: %s %s – %s, %s by its statements: %s", verb, accepted.Account, accepted.From, accepted.To, accepted.Was, accepted.Why)))
		if !f.undo {
			fmt.Fprintf(w, "bursar completeness --accept %s --undo withdraws the acceptance.\n", accepted.Statement)
		}
	})
}

// staleLine describes an acceptance that does not match any interval now.
func staleLine(s completeness.Acceptance) string {
	return fmt.Sprintf("stale acceptance %s %s – %s: no interval matches what was accepted on %s (%s; it was %s: %s); bursar completeness --accept %s --undo removes it",
		s.Account, s.From, s.To, s.Time.Format(time.DateOnly), s.Reason, s.Was, s.Why, s.Statement)
}

// intervalText are the lines that say all of an interval which is BROKEN, UNKNOWN or accepted, with the command that accepts it.
func intervalText(account string, i completeness.Interval, until string) []string {
	switch {
	case i.Accepted != nil:
		return []string{fmt.Sprintf("accepted %s %s – %s: %s (--accept %s, on %s; %s by its statements: %s)", account, i.From, i.To, i.Accepted.Reason, i.Name,
			i.Accepted.Time.Format(time.DateOnly), i.Accepted.Was, i.Reason)}
	case i.State == completeness.Broken || i.State == completeness.Unknown:
		if until != "" {
			until = " --until " + until
		}
		return []string{fmt.Sprintf("%s %s %s – %s: %s; if it cannot be repaired: bursar completeness --accept %s%s --reason TEXT", i.State, account, i.From, i.To, i.Reason, i.Name, until)}
	}
	return nil
}
