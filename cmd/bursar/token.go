// bursar token: manages tokens for the HTTP API.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"bursar/internal/app"
	"bursar/internal/reconcile"
	"bursar/internal/serve/access"

	"github.com/spf13/cobra"
)

func (c *cli) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Manage tokens for the HTTP API",
		Long: `Creates, lists and revokes tokens for the HTTP API. Each token has a name and a scope, so that a producer of events or a
dashboard does not need the token in .bursar/token, which allows everything. Changes take effect at once, also while
` + "`bursar up`" + ` runs.`,
		Example: `  bursar token create shop --scope events:payments
  bursar token create dashboard --scope read
  bursar token list
  bursar token revoke shop`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.tokenCreateCommand(), c.tokenListCommand(), c.tokenRevokeCommand())
	return cmd
}

func (c *cli) tokenCreateCommand() *cobra.Command {
	var scope string
	cmd := &cobra.Command{
		Use:   "create NAME --scope SCOPE",
		Short: "Create a token and print it once",
		Long: `Creates a token for one of these scopes:

  events:STREAM[,STREAM…]  send events to these streams only
  read                     read everything, change nothing
  operate                  everything that the HTTP API offers

The token is printed once. Only its digest is kept: if you lose the token, revoke it and create another one.`,
		Example: `  bursar token create shop --scope events:payments
  bursar token create dashboard --scope read --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if scope == "" {
				return usagef("a token needs a scope: --scope events:STREAM[,STREAM…], read or operate")
			}
			allowed, err := access.ParseScope(scope)
			if err := cmp.Or(err, access.CheckName(args[0])); err != nil {
				return usagef("%v", err)
			}
			return c.open(cmd, func(ctx context.Context, a *app.App) error { return c.createToken(ctx, a, args[0], allowed) })
		},
	}
	cmd.Flags().StringVar(&scope, "scope", "", "what the token allows: events:STREAM[,STREAM…], read or operate")
	return cmd
}

func (c *cli) createToken(ctx context.Context, a *app.App, name string, scope access.Scope) error {
	for _, name := range scope.Streams() {
		if s := a.Project.Stream(name); s == nil || s.Builtin {
			return notFound("stream", name, streamNames(a.Project))
		}
	}
	made, secret, err := a.Tokens.Create(ctx, name, scope)
	if errors.Is(err, access.ErrExists) {
		return withHint(err, "`bursar token revoke %s` removes it", name)
	}
	if err != nil {
		return err
	}
	return c.result(struct {
		access.Token
		Secret string `json:"token"`
	}{made, secret}, func(w io.Writer) {
		fmt.Fprintln(w, secret)
		fmt.Fprintf(c.err, "Token %s allows %s. It is not shown again.\n", made.Name, made.Scope)
	})
}

func (c *cli) tokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List tokens",
		Long:    `Lists name, scope, creation time and last digits of each token that is not revoked.`,
		Example: `  bursar token list`,
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.Tokens.List(ctx)
			if err != nil {
				return err
			}
			return c.result(map[string]any{"tokens": list}, func(w io.Writer) {
				g := newGrid("token", "scope", "created", "ends in")
				for _, t := range list {
					g.add(t.Name, t.Scope, formatTime(&t.Created), t.EndsIn)
				}
				g.print(w, width(c.out))
			})
		}),
	}
}

func (c *cli) tokenRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke NAME",
		Short:   "Revoke a token",
		Long:    `Removes a token. Requests that carry it are refused from now on.`,
		Example: `  bursar token revoke shop`,
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, args []string) error {
			err := a.Tokens.Revoke(ctx, args[0])
			if errors.Is(err, access.ErrUnknown) {
				return withHint(&reconcile.NotFoundError{What: "token " + args[0]}, "`bursar token list` shows all")
			}
			if err != nil {
				return err
			}
			return c.result(map[string]any{"name": args[0], "revoked": true}, func(w io.Writer) {
				fmt.Fprintf(w, "Token %s is revoked.\n", args[0])
			})
		}),
	}
}
