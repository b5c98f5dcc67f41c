// bursar account: shows the accounts that are fetched from institutions, and asks something of them.

package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/aggregate/account"
	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/vault"

	"github.com/spf13/cobra"
)

func (c *cli) accountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "account",
		Aliases: []string{"accounts"},
		Short:   "Add, refresh and watch accounts that are fetched from institutions",
		Long: `An account is fetched from an institution that the project declares with a connector. A refresh visits the institution,
processes what it has delivered, and judges whether transactions explain the balance. ` + "`bursar up`" + ` and workers with the role
aggregate refresh accounts when they are due; ` + "`bursar account refresh`" + ` does so at once, also without them.

An account is written INSTITUTION/ID, such as acme/checking:42. Credentials are references to the vault or to environment
variables.`,
		Example: `  bursar account add acme --all --credential user=vault:acme_user --credential password=vault:acme_password
  bursar account refresh --institution acme
  bursar account status
  bursar account show acme/checking:42`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, sub := range []*cobra.Command{
		c.accountAddCommand(), c.accountListCommand(), c.accountShowCommand(), c.accountStatusCommand(), c.accountRefreshCommand(), c.accountAnswerCommand(),
		c.accountRelinkCommand(), c.accountRemoveCommand(), c.accountSuggestionsCommand(), c.accountAcceptCommand(), c.accountRejectCommand(),
		c.accountSplitCommand(),
	} {
		c.readUsage(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func institutionNames(p *project.Project) (names []string) {
	for _, i := range p.Institutions {
		if i.Connection != nil {
			names = append(names, i.Name)
		}
	}
	return names
}

// findInstitution finds an institution whose accounts are fetched. The error lists those of the project and has exit code 3.
func findInstitution(a *app.App, name string) (*project.Institution, error) {
	i := a.Project.Institution(name)
	switch {
	case i == nil && len(institutionNames(a.Project)) == 0:
		return nil, withHint(&reconcile.NotFoundError{What: "institution " + name}, "`bursar institution add NAME --kind KIND` declares one, and `bursar institution simulate --into acme` one to try")
	case i == nil:
		return nil, notFoundIn("institution", name, "institutions", institutionNames(a.Project))
	case i.Connection == nil:
		return nil, withHint(usagef("%s:%d: institution %s has no `connector`, so that its accounts cannot be fetched", i.File, i.Line, name), "docs/connectors.md says what a connector needs")
	}
	return i, nil
}

// parseAccount reads the name of an account.
func parseAccount(text string) (account.Ref, error) {
	ref, err := account.ParseRef(text)
	if err != nil {
		return ref, &usageError{err.Error()}
	}
	return ref, nil
}

// onAccount is the code of a command whose first argument names an account that was added; do gets the other arguments.
func onAccount(open opening, do func(context.Context, *app.App, *account.Account, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ref, err := parseAccount(args[0])
		if err != nil {
			return err
		}
		return open(cmd, func(ctx context.Context, a *app.App) error {
			one, err := a.Accounts().Get(ctx, ref)
			if err != nil {
				return err
			}
			return do(ctx, a, one, args[1:])
		})
	}
}

var credentialName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// parseCredentials reads the values of --credential. Errors do not contain them: they may be secrets in the wrong place.
func parseCredentials(list []string) (map[string]string, error) {
	credentials := map[string]string{}
	for _, text := range list {
		name, reference, found := strings.Cut(text, "=")
		if !found || !credentialName.MatchString(name) {
			return nil, usagef("--credential is NAME=REFERENCE, such as password=vault:acme_password")
		}
		if !project.IsReference(reference) {
			return nil, withHint(usagef("the value of --credential %s is not a reference: others can read the arguments of a command", name),
				"put it into the vault with `bursar vault set SECRET`, and write --credential %s=vault:SECRET", name)
		}
		if err := vault.CheckReference(reference); err != nil {
			return nil, usagef("--credential %s: %v", name, err)
		}
		if _, twice := credentials[name]; twice {
			return nil, usagef("--credential %s is given twice", name)
		}
		credentials[name] = reference
	}
	return credentials, nil
}

// checkSecrets returns an error if the vault does not contain a credential. Variables may be set for other processes only.
func checkSecrets(a *app.App, credentials map[string]string) error {
	references := vault.NewReferences(a.Project.Dir, vault.ProcessEnvironment())
	for _, name := range slices.Sorted(maps.Keys(credentials)) {
		if !vault.IsSecret(credentials[name]) {
			continue
		}
		if _, err := references.Resolve("", 0, "--credential "+name, credentials[name]); err != nil {
			return err
		}
	}
	return nil
}

func addCredentials(cmd *cobra.Command, list *[]string) {
	cmd.Flags().StringArrayVar(list, "credential", nil, "a credential, NAME=vault:SECRET or NAME=env:VARIABLE; may be repeated")
}

// describeAccount is an account with its name: "acme/checking:42 (Everyday Checking)".
func describeAccount(one *account.Account) string {
	if one.Name == "" {
		return one.String()
	}
	return fmt.Sprintf("%s (%s)", one.Ref, one.Name)
}

// isServed reports whether other processes, or this one for others, refresh accounts.
func (c *cli) isServed(a *app.App) bool { return c.remote != nil || a.IsShared() }
