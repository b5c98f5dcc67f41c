// bursar completeness --accept: what a person accepts although its statements do not prove it.

package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"bursar/internal/app"

	"github.com/spf13/cobra"
)

// acceptFlags say which interval is accepted, and why.
type acceptFlags struct {
	name, reason string
	undo         bool
}

// check refuses flags that do not go together.
func (f *acceptFlags) check(cmd *cobra.Command, accounts []string) error {
	given := func(flag string) bool { return cmd.Flags().Changed(flag) }
	switch {
	case !given("accept") && (given("reason") || f.undo):
		return usagef("--reason and --undo are for --accept")
	case !given("accept"):
		return nil
	case f.name == "":
		return usagef("--accept: name an interval as `bursar completeness` names it")
	case len(accounts) > 0 || given("all"):
		return usagef("--accept takes no account and no --all")
	case f.undo && given("reason"):
		return usagef("--undo takes no --reason")
	case !f.undo && strings.TrimSpace(f.reason) == "":
		return usagef("--accept needs --reason: say why it is accepted")
	}
	return nil
}

// accept records an acceptance, or takes it back. Days behind the last that statements speak of are found as by the query.
func (c *cli) accept(ctx context.Context, a *app.App, q app.CompletenessQuery, f acceptFlags) error {
	of, err := a.AcceptInterval(ctx, q, f.name, strings.TrimSpace(f.reason), f.undo)
	if err != nil {
		return err
	}
	return c.result(map[string]any{"accepted": of, "undone": f.undo}, func(w io.Writer) {
		does := "Accepted"
		if f.undo {
			does = "No longer accepted"
		}
		fmt.Fprintln(w, clean(fmt.Sprintf("%s: %s %s – %s, %s by its statements: %s", does, of.Account, of.From, of.To, of.Was, of.Why)))
		if !f.undo {
			fmt.Fprintf(w, "bursar completeness --accept %s --undo takes it back.\n", of.Statement)
		}
	})
}

// lineOf are the lines that say all of an interval which is BROKEN, UNKNOWN or accepted, with the command that accepts it.
func lineOf(account string, i app.Interval, until string) []string {
	switch {
	case i.Accepted != nil:
		return []string{fmt.Sprintf("accepted %s %s – %s: %s (--accept %s, on %s; %s by its statements: %s)", account, i.From, i.To, i.Accepted.Reason, i.Name,
			i.Accepted.Time.Format(time.DateOnly), i.Accepted.Was, i.Reason)}
	case i.State == app.Broken || i.State == app.Unknown:
		if until != "" {
			until = " --until " + until
		}
		return []string{fmt.Sprintf("%s %s %s – %s: %s; if nothing mends it: bursar completeness --accept %s%s --reason TEXT", i.State, account, i.From, i.To, i.Reason, i.Name, until)}
	}
	return nil
}

// plainWord is what a shell takes for one word as it stands.
var plainWord = regexp.MustCompile(`^[\pL\pN._/:+@%,-]+$`)

// shellWord writes a text so that it can be given to a command as one argument.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
