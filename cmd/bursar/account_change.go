// bursar account answer, relink and remove: what people do about an account.

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"bursar/internal/aggregate/account"
	"bursar/internal/app"

	"github.com/spf13/cobra"
)

func (c *cli) accountAnswerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "answer INSTITUTION/ID",
		Short: "Answer the question of an institution, such as a one-time password",
		Long: `Reads the answer to the question that the institution of an account asks from standard input, or asks for it on a terminal
without showing it. It is kept encrypted for the key of the vault, until it was used. The refresh that waits for it goes on.`,
		Example: `  bursar account status acme
  bursar account answer acme/checking:42
  echo 123456 | bursar account answer acme/checking:42`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := parseAccount(args[0])
			if err != nil {
				return err
			}
			answer, err := c.readSecret(cmd.Context(), "the answer for "+ref.String())
			if err != nil {
				return err
			}
			return c.open(cmd, func(ctx context.Context, a *app.App) error {
				if err := a.AnswerAccount(ctx, ref, answer); err != nil {
					return err
				}
				return c.result(map[string]any{"account": ref, "answered": true}, func(w io.Writer) {
					fmt.Fprintf(w, "The answer for %s is recorded.\n", printable(ref.String()))
					c.printGoesOn(w, a, ref)
				})
			})
		},
	}
}

// printGoesOn says how the refresh of an account goes on that waited for a person.
func (c *cli) printGoesOn(w io.Writer, a *app.App, ref account.Ref) {
	if c.isServed(a) {
		fmt.Fprintf(w, "next: bursar account status %s\n", shellWord(ref.String()))
		return
	}
	fmt.Fprintf(w, "next: bursar account refresh %s\n", shellWord(ref.String()))
}

func (c *cli) accountRelinkCommand() *cobra.Command {
	var list []string
	cmd := &cobra.Command{
		Use:   "relink INSTITUTION/ID",
		Short: "Give an account new credentials",
		Long: `Replaces references to credentials of an account; others stay. A refresh that waits for new credentials goes on, and an account
whose last refresh has failed is due at once. If only the value of a secret has changed, set it with ` + "`bursar vault set`" + `, and
name the same reference here.`,
		Example: `  bursar vault set acme_password
  bursar account relink acme/checking:42 --credential password=vault:acme_password`,
		RunE: func(cmd *cobra.Command, args []string) error {
			credentials, err := parseCredentials(list)
			if err != nil {
				return err
			}
			if len(credentials) == 0 {
				return usagef("name the new credentials with --credential")
			}
			return onAccount(c.open, func(ctx context.Context, a *app.App, one *account.Account, _ []string) error {
				return c.relink(ctx, a, one, credentials)
			})(cmd, args)
		},
	}
	addCredentials(cmd, &list)
	return cmd
}

func (c *cli) relink(ctx context.Context, a *app.App, before *account.Account, credentials map[string]string) error {
	if err := checkSecrets(a, credentials); err != nil {
		return err
	}
	one, err := a.RelinkAccount(ctx, before.Ref, credentials)
	if err != nil {
		return err
	}
	return c.result(map[string]any{"account": withoutWork(one), "waited": placeOf(before) == credentialsPlace}, func(w io.Writer) {
		names := strings.Join(slices.Sorted(maps.Keys(credentials)), ", ")
		fmt.Fprintf(w, "%s has new credentials: %s.\n", printable(one.String()), names)
		if before.Running || before.Outcome == account.Failed {
			c.printGoesOn(w, a, one.Ref)
		}
	})
}

func (c *cli) accountRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove INSTITUTION/ID",
		Short: "Stop fetching an account",
		Long: `Forgets an account: it is not refreshed any more. What was stored of it stays, and so do the secrets that it refers to, which
other accounts may use. An account whose refresh runs is refused.`,
		Example: "  bursar account remove acme/checking:42",
		RunE: onAccount(c.open, func(ctx context.Context, a *app.App, one *account.Account, _ []string) error {
			if err := a.RemoveAccount(ctx, one.Ref); err != nil {
				return err
			}
			return c.result(map[string]any{"account": one.Ref, "removed": true, "credentials": one.Credentials}, func(w io.Writer) {
				fmt.Fprintf(w, "%s is not fetched any more. What was stored of it stays.\n", printable(one.String()))
				if len(one.Credentials) > 0 {
					fmt.Fprintf(w, "Its credentials stay: %s.\n", printable(describeCredentials(one.Credentials)))
				}
			})
		}),
	}
}
