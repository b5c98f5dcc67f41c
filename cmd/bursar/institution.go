// bursar institution: shows, checks, declares and simulates institutions.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/app"
	"bursar/internal/failure"
	"bursar/internal/project"

	"github.com/spf13/cobra"
)

func (c *cli) institutionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "institution",
		Short: "Show, check, declare and simulate institutions whose accounts are fetched",
		Long: `An institution is declared in institutions/NAME.yaml: with a connector its accounts are fetched, as its limits allow.
` + "`bursar institution simulate`" + ` starts one to try everything with.`,
		Example: `  bursar institution simulate --into acme
  bursar institution list
  bursar institution check acme
  bursar institution add bridge --kind simplefin`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, sub := range []*cobra.Command{c.institutionListCommand(), c.institutionCheckCommand(), c.institutionAddCommand(), c.institutionSimulateCommand()} {
		c.readUsage(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (c *cli) institutionListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List institutions with their accounts, limits and circuit breakers",
		Long: `Lists the institutions that have a connector: its kind, how many accounts were added, how many refreshes were begun today (UTC)
by schedule and by people, what the limits allow, and whether its circuit breaker is open: then it does not work, and is left
alone until the time that is shown.`,
		Example: `  bursar institution list
  bursar institution list --json`,
		RunE: onProject(c.openToRead, func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.Institutions(ctx)
			if err != nil {
				return err
			}
			return c.result(map[string]any{"institutions": append([]app.InstitutionStatus{}, list...)}, func(w io.Writer) { c.printInstitutions(w, list) })
		}),
	}
}

func (c *cli) printInstitutions(w io.Writer, list []app.InstitutionStatus) {
	if len(list) == 0 {
		fmt.Fprintln(w, "No institution has a connector: add one with `bursar institution add NAME --kind KIND --url URL`, or try `bursar institution simulate --into acme`.")
		return
	}
	g := newGrid("institution", "kind", "accounts", "today", "by people", "limits", "breaker", "tried again", "why").wrap("why")
	for i := range list {
		one := &list[i]
		breaker, until, why := "closed", noValue, ""
		if b := one.Breaker; b != nil {
			breaker, until, why = b.State, formatTime(&b.Until), fmt.Sprintf("%s since %s: %s", plural(b.Failures, "failure", "failures"), formatTime(&b.Since), b.Cause)
		}
		g.add(one.Name, one.Kind, formatCount(one.Accounts), formatCount(one.Scheduled), formatCount(one.ByPerson), describeLimits(&one.Limits), breaker, until, shorten(why))
	}
	g.print(w, width(c.out))
}

// describeLimits is what an institution allows: "600 requests per 1m, 8 sessions, 4 refreshes of an account a day".
func describeLimits(l *project.Limits) string {
	text := fmt.Sprintf("%s per %s, %s, %s of an account a day", plural(l.Requests, "request", "requests"), project.FormatTime(l.Per), plural(l.Sessions, "session", "sessions"),
		plural(l.AccountDay, "refresh", "refreshes"))
	if l.Day > 0 {
		text += ", " + formatCount(l.Day) + " of all"
	}
	return text
}

func (c *cli) institutionCheckCommand() *cobra.Command {
	id := ""
	var credentials []string
	cmd := &cobra.Command{
		Use:   "check INSTITUTION",
		Short: "Log in to an institution and list its accounts",
		Long: `Logs in with the credentials of an account that was added, by default the first, or with those of --credential, and lists the
accounts that they reach. Nothing is changed. The requests count for the institution's limits.`,
		Example: `  bursar institution check acme
  bursar institution check acme --account checking:42
  bursar institution check acme --credential user=vault:acme_user --credential password=vault:acme_password`,
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := parseCredentials(credentials)
			if err != nil {
				return err
			}
			if id != "" && len(given) > 0 {
				return usagef("--account has its credentials: leave out --credential, or --account")
			}
			return c.open(cmd, func(ctx context.Context, a *app.App) error { return c.checkInstitution(ctx, a, args[0], id, given) })
		},
	}
	cmd.Flags().StringVar(&id, "account", "", "use the credentials of the account with this `id`")
	addCredentials(cmd, &credentials)
	return cmd
}

// reached is an account in the output of `institution check --json`.
type reached struct {
	connector.Account
	Added bool `json:"added"`
}

func (c *cli) checkInstitution(ctx context.Context, a *app.App, name, id string, credentials map[string]string) error {
	i, err := findInstitution(a, name)
	if err != nil {
		return err
	}
	added, first := map[string]bool{}, (*account.Account)(nil)
	err = a.Accounts().Each(ctx, name, func(one *account.Account) error {
		added[one.Account] = true
		if first == nil && (id == "" || one.Account == id) {
			first = one
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(credentials) > 0:
		err = checkSecrets(a, credentials)
	case id != "" && first == nil:
		return &account.NotFoundError{Ref: account.Ref{Institution: name, Account: id}}
	case first != nil:
		credentials = first.Credentials
	}
	if err != nil {
		return err
	}
	list, err := a.ListAtInstitution(ctx, name, credentials)
	if err != nil {
		return checkError(err, name, first)
	}
	return c.printReached(i.Connection.Kind, name, list, added)
}

// checkError adds the next step to the error of an institution that does not list its accounts.
func checkError(err error, name string, one *account.Account) error {
	switch {
	case one == nil:
		return withHint(err, "give credentials with --credential, or add an account: `bursar account add %s ID --credential …`", name)
	case errors.As(err, new(*connector.CredentialsError)):
		return withHint(err, "`bursar account relink %s --credential …` sets new ones", shellWord(one.String()))
	case errors.As(err, new(*connector.QuestionError)):
		return withHint(err, "it works: `bursar account refresh %s` waits for the answer", shellWord(one.String()))
	}
	return err
}

func (c *cli) printReached(kind, name string, list []connector.Account, added map[string]bool) error {
	all, missing := []reached{}, 0
	for _, one := range list {
		all = append(all, reached{one, added[one.ID]})
		if !added[one.ID] {
			missing++
		}
	}
	return c.result(map[string]any{"institution": name, "kind": kind, "accounts": all}, func(w io.Writer) {
		fmt.Fprintf(w, "Logged in to %s; %s.\n", name, plural(len(all), "account is reached", "accounts are reached"))
		if len(all) == 0 {
			return
		}
		g := newGrid("id", "name", "currency", "type", "added")
		for _, one := range all[:min(len(all), shownAccounts)] {
			g.add(one.ID, orNoValue(one.Name), orNoValue(one.Currency), orNoValue(one.Type), checkMark(one.Added))
		}
		g.print(w, width(c.out))
		printRest(w, len(all)-len(g.rows), "--json has all")
		if missing > 0 {
			fmt.Fprintf(w, "%s not added: `bursar account add %s ID… --credential …` adds by id, --all all.\n", plural(missing, "is", "are"), name)
		}
	})
}

// newInstitution are the flags of `bursar institution add`.
type newInstitution struct {
	kind, url string
	set       []string
}

func (c *cli) institutionAddCommand() *cobra.Command {
	var n newInstitution
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Write the file of an institution",
		Long: `Writes institutions/NAME.yaml with a connector. --set adds a key: one of the connector, such as org=ACME, or another with its
sections, such as limits.requests=600, refresh.every=1h or connector.streams.orders=orders. Values are YAML, or else text.
docs/project.md lists all keys. A file that exists is not changed, and one that would not be valid is not written. Credentials
belong to accounts, not to this file. Restart ` + "`bursar up`" + ` afterwards.`,
		Example: `  bursar institution add acme --kind ofx --url https://ofx.example.com/ --set org=ACME --set fid=3000 --set limits.requests=600
  bursar institution add bridge --kind simplefin --set refresh.every=12h
  bursar institution add drop --kind files --url incoming --set 'pattern=*.ofx'
  bursar institution add orders --kind exec --set 'command=[tap-orders, --fast]' --set connector.streams.orders=orders`,
		RunE: func(_ *cobra.Command, args []string) error {
			settings, err := n.settings()
			if err != nil {
				return err
			}
			if _, err := c.vault(); err != nil { // it is a project folder
				return err
			}
			declared := project.NewInstitution{Name: args[0], Settings: settings}
			file, err := declared.Write(c.project, false)
			if err != nil {
				return addError(err, args[0], file)
			}
			return c.result(map[string]any{"institution": args[0], "file": file}, func(w io.Writer) {
				fmt.Fprintf(w, "Wrote %s.\nnext: bursar account add %s --all --credential NAME=vault:SECRET\n", file, args[0])
			})
		},
	}
	cmd.Flags().StringVar(&n.kind, "kind", "", "the kind of the connector: "+strings.Join(project.ConnectorKinds(), ", "))
	cmd.Flags().StringVar(&n.url, "url", "", "where it is reached")
	cmd.Flags().StringArrayVar(&n.set, "set", nil, "a further key, `key=value`; may be repeated")
	return cmd
}

// settings returns the keys of the file.
func (n *newInstitution) settings() ([]project.Setting, error) {
	if n.kind == "" {
		return nil, usagef("--kind says how its accounts are fetched: one of %s", strings.Join(project.ConnectorKinds(), ", "))
	}
	list := []project.Setting{{Key: "connector.kind", Value: n.kind}}
	if n.url != "" {
		list = append(list, project.Setting{Key: "connector.url", Value: n.url})
	}
	for _, text := range n.set {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" || value == "" {
			return nil, usagef("--set %s: write key=value", text)
		}
		if !strings.Contains(key, ".") {
			key = "connector." + key
		}
		list = append(list, project.Setting{Key: key, Value: value})
	}
	return list, nil
}

func addError(err error, name, file string) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return withHint(failure.Wrap(failure.Data, fmt.Errorf("institution %s is declared already", name)), "change %s, or choose another name", file)
	case failure.Of(err) == failure.Data:
		return withHint(&usageError{"the file of institution " + name + " would not be valid: " + err.Error()}, "docs/project.md lists the keys of each kind")
	}
	return err
}
