// bursar account suggestions, accept, reject and split: which reported transactions are the same one.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/app"
	"bursar/internal/reconcile"

	"github.com/spf13/cobra"
)

// suggested is a suggestion with its account and its transactions, in the output of --json.
type suggested struct {
	account.Ref
	ledger.Suggestion
	OlderEntry *ledger.Entry `json:"older_transaction"`
	NewerEntry *ledger.Entry `json:"newer_transaction"`
}

func (c *cli) accountSuggestionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "suggestions [INSTITUTION/ID]",
		Short: "List pairs of transactions that may be the same one",
		Long: `Lists pairs of transactions about which a person decides, of an account or of all: a pending one that may have become a posted
one with another amount or text, or one under a new id while the institution has not removed the old one. Until then both count.
` + "`bursar account accept`" + ` makes the two one, ` + "`bursar account reject`" + ` keeps them separate.`,
		Example: `  bursar account suggestions
  bursar account suggestions acme/checking:42 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var only *account.Ref
			if len(args) > 0 {
				ref, err := parseAccount(args[0])
				if err != nil {
					return err
				}
				only = &ref
			}
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error { return c.listSuggestions(ctx, a, only) })
		},
	}
}

func (c *cli) listSuggestions(ctx context.Context, a *app.App, only *account.Ref) error {
	refs := []account.Ref{}
	if only != nil {
		refs = append(refs, *only)
	} else if err := a.Accounts().Each(ctx, "", func(one *account.Account) error {
		refs = append(refs, one.Ref)
		return nil
	}); err != nil {
		return err
	}
	list := []suggested{}
	for _, ref := range refs {
		entries, open, err := a.Transactions(ctx, ref)
		if err != nil {
			return err
		}
		for _, s := range open {
			list = append(list, suggested{ref, s, findEntry(entries, s.Older), findEntry(entries, s.Newer)})
		}
	}
	return c.result(map[string]any{"suggestions": list}, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "There are no suggestions.")
			return
		}
		g := newGrid("account", "suggestion", "kind", "older", "newer", "evidence").wrap("older").wrap("newer").wrap("evidence")
		for i := range list[:min(len(list), shownAccounts)] {
			s := &list[i]
			g.add(s.String(), s.ID, string(s.Kind), describeEntry(s.OlderEntry), describeEntry(s.NewerEntry), s.Evidence)
		}
		g.print(w, width(c.out))
		printRest(w, len(list)-len(g.rows), "--json has all")
		fmt.Fprintf(w, "next: bursar account accept %s %s, or reject\n", shellWord(list[0].String()), list[0].ID)
	})
}

func findEntry(entries []ledger.Entry, id string) *ledger.Entry {
	at := slices.IndexFunc(entries, func(e ledger.Entry) bool { return e.ID == id })
	if at < 0 {
		return nil
	}
	return &entries[at]
}

// describeEntry is a transaction in one line: "2026-03-15 pending -20.00 USD Corner Shop".
func describeEntry(e *ledger.Entry) string {
	if e == nil {
		return noValue
	}
	return fmt.Sprintf("%s %s %s %s %s", dayOf(e), e.Status, formatMoney(e.Amount, e.Currency), e.Currency, e.Party)
}

func (c *cli) accountAcceptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "accept INSTITUTION/ID SUGGESTION",
		Short: "Make the two transactions of a suggestion one",
		Long:  `Makes the newer transaction part of the older one, with the suggestion as evidence. ` + "`bursar account split`" + ` separates them again.`,
		Example: `  bursar account suggestions acme/checking:42
  bursar account accept acme/checking:42 5f0c1b2a9d3e4f60`,
		RunE: c.decideSuggestion(true, "are one transaction now"),
	}
}

func (c *cli) accountRejectCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reject INSTITUTION/ID SUGGESTION",
		Short:   "Keep the two transactions of a suggestion separate",
		Long:    `Records that the two transactions of a suggestion are separate ones. It is never made again.`,
		Example: `  bursar account reject acme/checking:42 5f0c1b2a9d3e4f60`,
		RunE:    c.decideSuggestion(false, "stay separate"),
	}
}

func (c *cli) decideSuggestion(join bool, done string) func(*cobra.Command, []string) error {
	return onAccount(c.open, func(ctx context.Context, a *app.App, one *account.Account, args []string) error {
		_, open, err := a.Transactions(ctx, one.Ref)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(open, func(s ledger.Suggestion) bool { return s.ID == args[0] })
		if at < 0 {
			return withHint(&reconcile.NotFoundError{What: fmt.Sprintf("open suggestion %s of %s", args[0], one.Ref)}, "`bursar account suggestions %s` lists them", shellWord(one.String()))
		}
		if err := a.DecideSuggestion(ctx, one.Ref, args[0], join); err != nil {
			return err
		}
		return c.result(map[string]any{"account": one.Ref, "suggestion": open[at], "joined": join}, func(w io.Writer) {
			fmt.Fprintf(w, "%s and %s %s.\n", open[at].Older, open[at].Newer, done)
		})
	})
}

func (c *cli) accountSplitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "split INSTITUTION/ID TRANSACTION EARLIER-ID",
		Short: "Separate a transaction at one of its earlier ids",
		Long: `Separates a transaction at one of the ids that the institution gave it earlier: it becomes again what it was under that id, and
what it became later is a transaction of its own. The two are never made one again without being asked.`,
		Example: `  bursar account show acme/checking:42
  bursar account split acme/checking:42 5f0c1b2a9d3e4f60 FIT-1001`,
		RunE: onAccount(c.open, func(ctx context.Context, a *app.App, one *account.Account, args []string) error {
			entries, _, err := a.Transactions(ctx, one.Ref)
			if err != nil {
				return err
			}
			if findEntry(entries, args[0]) == nil {
				return withHint(&reconcile.NotFoundError{What: fmt.Sprintf("transaction %s of %s", args[0], one.Ref)}, "`bursar account show %s` lists them", shellWord(one.String()))
			}
			if err := a.SeparateTransaction(ctx, one.Ref, args[0], args[1]); err != nil {
				return withHint(err, "`bursar account show %s` lists transactions with their earlier ids", shellWord(one.String()))
			}
			after, _, err := a.Transactions(ctx, one.Ref)
			changed := changedEntries(entries, after)
			return errors.Join(err, c.result(map[string]any{"account": one.Ref, "transactions": changed}, func(w io.Writer) {
				fmt.Fprintf(w, "%s is separated:\n", printable(args[0]))
				c.printTransactions(w, changed)
			}))
		}),
	}
}

// changedEntries returns the transactions that are new or changed.
func changedEntries(before, after []ledger.Entry) []ledger.Entry {
	versions := map[string]int{}
	for i := range before {
		versions[before[i].ID] = before[i].Version
	}
	list := []ledger.Entry{}
	for i := range after {
		if version, known := versions[after[i].ID]; !known || version != after[i].Version {
			list = append(list, after[i])
		}
	}
	return list
}
