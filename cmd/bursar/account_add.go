// bursar account add: adds accounts by their ids, or all that credentials reach.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/app"
	"bursar/internal/vault"

	"github.com/spf13/cobra"
)

// addFlags are those of `bursar account add`.
type addFlags struct {
	all, setupToken        bool
	name, currency, secret string
	credentials            []string
}

func (c *cli) accountAddCommand() *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:   "add INSTITUTION [ID…]",
		Short: "Add accounts, which are refreshed from then on",
		Long: `Adds accounts of an institution by their ids there, or with --all those that the credentials reach: it logs in and lists them.
Accounts that were added before keep their records. docs/connectors.md lists the credentials and the form of ids of each kind of
connector.

Of SimpleFIN, --setup-token reads a setup token from standard input, or asks for it on a terminal without showing it, exchanges
it for an access URL, and puts that into the vault as --secret.`,
		Example: `  bursar account add acme --all --credential user=vault:acme_user --credential password=vault:acme_password
  bursar account add acme checking:42 --credential user=vault:acme_user --credential password=env:ACME_PASSWORD --currency EUR
  bursar account add bridge --all --setup-token`,
		RunE: func(cmd *cobra.Command, args []string) error {
			credentials, err := f.check(args)
			if err != nil {
				return err
			}
			var token vault.Secret
			if f.setupToken {
				if token, err = c.readSecret(cmd.Context(), "the setup token"); err != nil {
					return err
				}
			}
			return c.open(cmd, func(ctx context.Context, a *app.App) error {
				return c.addAccounts(ctx, a, args, &f, credentials, token)
			})
		},
	}
	addCredentials(cmd, &f.credentials)
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "add all accounts that the credentials reach")
	flags.StringVar(&f.name, "name", "", "what people call the account")
	flags.StringVar(&f.currency, "currency", "", "of the account, such as EUR; by default what the institution says")
	flags.BoolVar(&f.setupToken, "setup-token", false, "exchange a SimpleFIN setup token, read from standard input, for an access URL")
	flags.StringVar(&f.secret, "secret", "", "the `name` of the access URL in the vault; by default INSTITUTION_access_url")
	return cmd
}

// check refuses flags that do not fit, and reads the credentials.
func (f *addFlags) check(args []string) (map[string]string, error) {
	credentials, err := parseCredentials(f.credentials)
	if f.secret == "" {
		f.secret = args[0] + "_access_url"
	}
	switch ids := args[1:]; {
	case err != nil:
		return nil, err
	case f.all && len(ids) > 0:
		return nil, usagef("--all adds all accounts: leave out the ids, or --all")
	case !f.all && len(ids) == 0:
		return nil, usagef("name the ids of the accounts, or add all with --all")
	case (f.name != "" || f.currency != "") && len(ids) != 1:
		return nil, usagef("--name and --currency are of one account: name one id")
	case f.setupToken && len(credentials) > 0:
		return nil, usagef("--setup-token makes the credential: leave out --credential")
	case f.setupToken:
		credentials["access_url"] = "vault:" + f.secret
		return credentials, checkSecretName(f.secret)
	}
	return credentials, nil
}

// readSecret reads a secret before the project is opened, and keeps it for the process that executes the command.
func (c *cli) readSecret(ctx context.Context, name string) (vault.Secret, error) {
	value, err := c.readValue(ctx, name)
	switch {
	case err != nil:
		return vault.Secret{}, fmt.Errorf("read %s: %w", name, err)
	case len(value) == 0:
		return vault.Secret{}, usagef("%s is empty: write it to standard input", name)
	}
	c.input = value
	return vault.NewSecret(string(value)), nil
}

func (c *cli) addAccounts(ctx context.Context, a *app.App, args []string, f *addFlags, credentials map[string]string, token vault.Secret) error {
	i, err := findInstitution(a, args[0])
	if err != nil {
		return err
	}
	if f.setupToken {
		if err := a.ClaimAccess(ctx, i.Name, f.secret, token); err != nil {
			return err
		}
		fmt.Fprintf(c.err, "The access URL is in the vault as %s.\n", f.secret)
	} else if err := checkSecrets(a, credentials); err != nil {
		return err
	}
	var list []account.Account
	for _, id := range args[1:] {
		list = append(list, account.Account{Ref: account.Ref{Institution: i.Name, Account: id}, Name: f.name, Currency: f.currency, Credentials: credentials})
	}
	if f.all {
		found, err := a.ListAtInstitution(ctx, i.Name, credentials)
		if err != nil {
			return f.listError(err, i.Name)
		}
		for _, one := range found {
			list = append(list, account.Account{
				Ref: account.Ref{Institution: i.Name, Account: one.ID}, Name: one.Name, Currency: one.Currency, Type: one.Type, Credentials: credentials,
			})
		}
	}
	added, err := a.AddAccounts(ctx, list)
	if err != nil {
		return err
	}
	return c.printAdded(a, list, added)
}

// listError adds the next step to the error of an institution that does not list its accounts.
func (f *addFlags) listError(err error, institution string) error {
	switch {
	case errors.As(err, new(*connector.QuestionError)):
		return withHint(err, "add its accounts by their ids, as `bursar account add %s ID… --credential …`: their refreshes wait for the answer", institution)
	case f.setupToken:
		return withHint(err, "the setup token is used: repeat it as `bursar account add %s --all --credential access_url=vault:%s`", institution, f.secret)
	case errors.As(err, new(*connector.CredentialsError)):
		return withHint(err, "correct the secret with `bursar vault set SECRET`, or name another with --credential")
	}
	return err
}

// shownAccounts bounds the accounts that a result for people lists.
const shownAccounts = 50

func (c *cli) printAdded(a *app.App, list []account.Account, added []account.Ref) error {
	result := map[string]any{"added": append([]account.Ref{}, added...), "known": len(list) - len(added)}
	return c.result(result, func(w io.Writer) {
		isNew := map[account.Ref]bool{}
		for _, ref := range added {
			isNew[ref] = true
		}
		fmt.Fprintf(w, "Added %s.\n", plural(len(added), "account", "accounts"))
		g := newGrid("account", "name", "currency", "type")
		for i := range list {
			if one := &list[i]; isNew[one.Ref] && len(g.rows) < shownAccounts {
				g.add(one.String(), one.Name, one.Currency, one.Type)
			}
		}
		if len(added) > 0 {
			g.print(w, width(c.out))
			printRest(w, len(added)-len(g.rows), "`bursar account list` shows all")
		}
		if known := len(list) - len(added); known > 0 {
			fmt.Fprintf(w, "%s before; `bursar account relink` changes credentials.\n", plural(known, "was added", "were added"))
		}
		if len(added) > 0 && !c.isServed(a) {
			fmt.Fprintf(w, "next: bursar account refresh --institution %s\n", added[0].Institution)
		}
	})
}
