// bursar account list and show: the records of accounts, and the transactions of one.

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/app"

	"github.com/spf13/cobra"
)

var accountFields = typedFields("institution string, account string, name string, currency string, type string, credentials string, added timestamp, state string, " +
	"outcome string, balance string, available string, due string, verdict string, succeeded timestamp, next timestamp, reason string")

func (c *cli) accountListCommand() *cobra.Command {
	var o rowFlags
	cmd := &cobra.Command{
		Use:   "list [INSTITUTION]",
		Short: "List accounts with their credentials, balances and verdicts",
		Long: `Lists the accounts of the project, or of an institution: name, currency, references to credentials, balance and verdict of the
last complete refresh, and when the last and the next one are. ` + "`bursar account status`" + ` shows where each is at the moment.`,
		Example: `  bursar account list
  bursar account list acme --json
  bursar account list --to accounts.csv`,
		RunE: onProject(c.toList(&o), func(ctx context.Context, a *app.App, args []string) error {
			institution := ""
			if len(args) > 0 {
				institution = args[0]
				if _, err := findInstitution(a, institution); err != nil {
					return err
				}
			}
			return c.listAccounts(ctx, a, institution, &o)
		}),
	}
	o.addTo(cmd, shownAccounts, "accounts")
	return cmd
}

func (c *cli) listAccounts(ctx context.Context, a *app.App, institution string, o *rowFlags) error {
	l := listing[*account.Account]{
		name: "accounts", fields: accountFields, row: accountRow,
		grid: newGrid("account", "name", "balance", "currency", "verdict", "last read", "next read", "credentials"), cells: accountCells,
	}
	l.after = func(w io.Writer, rows int) {
		if rows == 0 {
			fmt.Fprintln(w, "There are no accounts: add some with `bursar account add INSTITUTION --all --credential …`.")
		}
	}
	return printRows(c, o, &l, func(add func(*account.Account) error) error {
		return a.Accounts().Each(ctx, institution, func(one *account.Account) error { return add(withoutWork(one)) })
	})
}

// withoutWork is a record without what only refreshes need.
func withoutWork(one *account.Account) *account.Account {
	shown := *one
	shown.Answer, shown.Documents, shown.Cursor, shown.Fetched = "", nil, "", ""
	return &shown
}

// standingOf is where an account is; empty before the first complete refresh.
func standingOf(one *account.Account) account.Standing {
	if one.Standing == nil {
		return account.Standing{}
	}
	return *one.Standing
}

func accountRow(one *account.Account) []any {
	s := standingOf(one)
	return []any{
		one.Institution, one.Account, one.Name, currencyOf(one), one.Type, describeCredentials(one.Credentials), timeOrNil(one.Added), string(one.State),
		string(one.Outcome), s.Balance, s.Available, s.Due, s.Verdict, timeOrNil(one.Succeeded), timeOrNil(one.Next), one.Reason,
	}
}

func accountCells(one *account.Account) []string {
	s := standingOf(one)
	return []string{
		one.String(), orNoValue(one.Name), formatBalance(s.Balance, s.Currency), orNoValue(currencyOf(one)), orNoValue(s.Verdict), formatTime(&one.Succeeded),
		formatNext(one.Running, one.Next), describeCredentials(one.Credentials),
	}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func orNoValue(text string) string { return cmp.Or(text, noValue) }

func currencyOf(one *account.Account) string { return cmp.Or(standingOf(one).Currency, one.Currency) }

func formatBalance(amount, currency string) string {
	if amount == "" {
		return noValue
	}
	return formatMoney(amount, currency)
}

// formatNext is when an account is due next.
func formatNext(running bool, next time.Time) string {
	switch {
	case running:
		return "now"
	case next.IsZero():
		return "when asked"
	}
	return formatTime(&next)
}

// describeCredentials lists references: "password=vault:acme_password, user=vault:acme_user".
func describeCredentials(credentials map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(credentials)) {
		list = append(list, name+"="+credentials[name])
	}
	return strings.Join(list, ", ")
}

func (c *cli) accountShowCommand() *cobra.Command {
	limit := 0
	cmd := &cobra.Command{
		Use:   "show INSTITUTION/ID",
		Short: "Show an account, its last transactions with their evidence, and suggestions",
		Long: `Shows the record of an account: where it is and why, its balance, and the verdict with its reason. PROVEN means that the
transactions explain how the balance has changed. Then its last transactions: what each is now, the ids that it had before, and
why it became so; and suggestions, about which a person decides.`,
		Example: `  bursar account show acme/checking:42
  bursar account show acme/checking:42 --limit 0 --json`,
	}
	cmd.RunE = onAccount(c.openToRead, func(ctx context.Context, a *app.App, one *account.Account, _ []string) error {
		entries, suggestions, err := a.Transactions(ctx, one.Ref)
		if err != nil {
			return err
		}
		if c.json && !cmd.Flags().Changed("limit") {
			limit = 0
		}
		return c.showAccount(one, entries, suggestions, limit)
	})
	countVar(cmd.Flags(), &limit, "limit", 20, "maximum number of transactions; 0 is all, as with --json alone")
	return cmd
}

func (c *cli) showAccount(one *account.Account, entries []ledger.Entry, suggestions []ledger.Suggestion, limit int) error {
	slices.SortFunc(entries, func(x, y ledger.Entry) int {
		return cmp.Or(-cmp.Compare(dayOf(&x), dayOf(&y)), cmp.Compare(x.ID, y.ID))
	})
	all := len(entries)
	if limit > 0 {
		entries = entries[:min(limit, all)]
	}
	result := map[string]any{
		"account": withoutWork(one), "transactions": append([]ledger.Entry{}, entries...), "all": all, "suggestions": append([]ledger.Suggestion{}, suggestions...),
	}
	return c.result(result, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s\n", printable(describeAccount(one)), printable(describeWhere(one)))
		for _, f := range accountFacts(one) {
			if f.value != "" && f.value != noValue {
				fmt.Fprintf(w, "  %-12s %s\n", f.key, shorten(f.value))
			}
		}
		if all > 0 {
			c.printTransactions(w, entries)
			printRest(w, all-len(entries), "--limit shows more, --json all")
		}
		if len(suggestions) > 0 {
			fmt.Fprintf(w, "%s; `bursar account suggestions %s` lists them.\n", plural(len(suggestions), "suggestion waits for a decision", "suggestions wait for decisions"), shellWord(one.String()))
		}
	})
}

// accountFacts lists what is known of an account.
func accountFacts(one *account.Account) []fact {
	s := standingOf(one)
	facts := []fact{
		{"reason", one.Reason},
		{"question", one.Question},
		{"balance", formatBalance(s.Balance, s.Currency) + " " + currencyOf(one) + " at " + s.StatedAt},
		{"available", formatBalance(s.Available, s.Currency)},
		{"due", formatBalance(s.Due, s.Currency)},
		{"posted", formatBalance(s.Posted, s.Currency)},
		{"pending", formatBalance(s.Pending, s.Currency)},
		{"verdict", strings.TrimSuffix(s.Verdict+": "+s.Reason, ": ")},
		{"last read", formatTime(&one.Succeeded)},
		{"next read", formatNext(one.Running, one.Next)},
		{"refreshes", fmt.Sprintf("%s, the last with %s to the institution", formatCount(one.Refresh), plural(one.Requests, "request", "requests"))},
		{"credentials", describeCredentials(one.Credentials)},
	}
	if s.Balance == "" {
		facts[2].value = ""
	}
	for _, warning := range s.Warnings {
		facts = append(facts, fact{"warning", warning})
	}
	return facts
}

// dayOf is the best known day of a transaction.
func dayOf(e *ledger.Entry) string {
	return cmp.Or(e.Booked, e.Made, e.First.UTC().Format(time.DateOnly))
}

func (c *cli) printTransactions(w io.Writer, entries []ledger.Entry) {
	g := newGrid("day", "amount", "currency", "status", "party", "transaction", "id there", "earlier ids", "evidence").wrap("evidence")
	for i := range entries {
		e := &entries[i]
		earlier := namesOf(e.Aliases, func(a ledger.Alias) string { return a.Source })
		g.add(dayOf(e), formatMoney(e.Amount, e.Currency), e.Currency, string(e.Status), e.Party, e.ID, e.Source, strings.Join(earlier, ", "), e.Evidence)
	}
	g.print(w, width(c.out))
}
