// bursar vault: manages the secrets of a project.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"bursar/internal/app"
	"bursar/internal/reconcile"
	"bursar/internal/vault"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxInput bounds what is read from standard input. A value may be shorter: the vault checks it.
const maxInput = 1 << 20

func (c *cli) vaultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "Manage the secrets of a project",
		Long: `Stores passwords and other secrets in the encrypted file vault.age of the project folder. Write vault:NAME in place of a
text value of bursar.yaml: the value is resolved when it is used, and is neither printed nor stored elsewhere.

The key that opens the vault is never in the project folder. It is in the environment variable BURSAR_VAULT_KEY, in the
file that BURSAR_VAULT_KEY_FILE names, or in bursar/vault.key of your configuration folder. Others must not be able to
read the file.`,
		Example: `  bursar vault init
  bursar vault set catalog_url < url.txt
  bursar vault list
  bursar vault rotate`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.vaultInitCommand(), c.vaultSetCommand(), c.vaultListCommand(), c.vaultRemoveCommand(), c.vaultRotateCommand())
	return cmd
}

func (c *cli) vaultInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Create the vault of a project",
		Long: `Creates an empty vault for the key that exists. If there is none, a key is generated and written to the key file. Copy
that file to every machine that uses the project, and keep a copy: without the key, the secrets are lost. Then delete vault.age, create
the vault again and set the secrets again. If the catalog is in PostgreSQL, ` + "`bursar repair --new-identity-key`" + ` follows.`,
		Example: `  bursar vault init
  BURSAR_VAULT_KEY_FILE=/etc/bursar/vault.key bursar vault init --project /srv/shop`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := c.vault()
			if err != nil {
				return err
			}
			made, err := v.Init(cmd.Context())
			if errors.Is(err, vault.ErrExists) {
				return withHint(err, "`bursar vault set NAME` adds a secret to it; %s", vault.LostKey)
			}
			if err != nil {
				return err
			}
			return c.result(made, func(w io.Writer) {
				fmt.Fprintf(w, "Created %s.\n", made.Vault)
				if made.Created {
					fmt.Fprintf(w, "Its key is in %s.\n", made.KeyFile)
					fmt.Fprintln(c.err, "Copy the key file to every machine that uses the project, and keep a copy: without the key, the secrets are lost.")
				}
			})
		},
	}
}

func (c *cli) vaultSetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME",
		Short: "Add or replace a secret",
		Long: `Reads the value from standard input, or asks for it on a terminal without showing it. It is never an argument, because
other users can list the arguments of processes. A line feed at the end is not part of the value.`,
		Example: `  bursar vault set bank_password
  bursar vault set catalog_url < url.txt
  pass show bursar/catalog | bursar vault set catalog_url`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 { // the error does not contain the value
				return errors.New("a value is never an argument: write it to standard input, or leave it out to be asked for it")
			}
			return argCount(1, 1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := c.vault()
			if err == nil {
				err = checkSecretName(args[0])
			}
			if err != nil {
				return err
			}
			value, err := c.readValue(cmd.Context(), args[0])
			defer clear(value)
			if err != nil {
				return fmt.Errorf("read the value of %s: %w", args[0], err)
			}
			entry, isNew, err := v.Set(cmd.Context(), args[0], value)
			if err != nil {
				return err
			}
			return c.result(struct {
				vault.Entry
				New bool `json:"new"`
			}{entry, isNew}, func(w io.Writer) {
				fmt.Fprintf(w, "Secret %s is set. Write vault:%s where it is used.\n", entry.Name, entry.Name)
			})
		},
	}
}

func (c *cli) vaultListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List secrets, without their values",
		Long:    `Lists the name of each secret and when it was set. No command prints a value.`,
		Example: `  bursar vault list`,
		Args:    argCount(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v, err := c.vault()
			if err != nil {
				return err
			}
			list, err := v.List()
			if err != nil {
				return err
			}
			return c.result(map[string]any{"secrets": list}, func(w io.Writer) {
				g := newGrid("secret", "set")
				for _, e := range list {
					g.add(e.Name, formatTime(&e.Set))
				}
				g.print(w, width(c.out))
			})
		},
	}
}

func (c *cli) vaultRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a secret",
		Long:    `Removes a secret. What refers to it fails at its next use. Older copies of vault.age still contain it.`,
		Example: `  bursar vault remove bank_password`,
		Args:    argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := c.vault()
			if err == nil {
				err = checkSecretName(args[0])
			}
			if err != nil {
				return err
			}
			if err := app.CheckRemovable(c.project, args[0]); err != nil {
				return err
			}
			err = v.Remove(cmd.Context(), args[0])
			if errors.Is(err, vault.ErrUnknown) {
				return withHint(&reconcile.NotFoundError{What: "secret " + args[0]}, "`bursar vault list` shows all")
			}
			if err != nil {
				return err
			}
			return c.result(map[string]any{"name": args[0], "removed": true}, func(w io.Writer) {
				fmt.Fprintf(w, "Secret %s is removed.\n", args[0])
			})
		},
	}
}

func (c *cli) vaultRotateCommand() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Encrypt the vault with a new key",
		Long: `Generates a key, writes it to the key file, and encrypts the vault with it. The old key does not open the vault any more;
it stays in the key file, for older copies of the vault. Copy the key file to the other machines together with the vault.

If somebody may have read the old key, change the secrets themselves as well: an older copy of vault.age may be known.`,
		Example: `  bursar vault rotate
  bursar vault rotate --key-file /etc/bursar/vault-2.key`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := c.vault()
			if err != nil {
				return err
			}
			made, err := v.Rotate(cmd.Context(), keyFile)
			if err != nil {
				return err
			}
			return c.result(made, func(w io.Writer) {
				fmt.Fprintf(w, "The vault has a new key, which is in %s.\n", made.KeyFile)
				fmt.Fprintln(c.err, "Copy the key file to the other machines together with the vault, and keep a copy.")
			})
		},
	}
	cmd.Flags().StringVar(&keyFile, "key-file", "", "a new file for the new key, if the key is in BURSAR_VAULT_KEY or its file cannot be changed")
	return cmd
}

// vault returns the vault of the project. It does not open the project: secrets may be needed to open it.
func (c *cli) vault() (*vault.Vault, error) {
	if _, err := os.Stat(filepath.Join(c.project, "bursar.yaml")); err != nil {
		return nil, withHint(&usageError{fmt.Sprintf("%s is not a project folder: it has no bursar.yaml", c.project)}, "`bursar init DIR` creates one")
	}
	return vault.New(c.project, vault.ProcessEnvironment()), nil
}

func checkSecretName(name string) error {
	if err := vault.CheckName(name); err != nil {
		return usagef("%v", err)
	}
	return nil
}

// readValue reads a value from standard input: without echo if it is a terminal, otherwise whole.
func (c *cli) readValue(ctx context.Context, name string) ([]byte, error) {
	if file, ok := c.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return c.promptValue(ctx, int(file.Fd()), name)
	}
	value, err := io.ReadAll(io.LimitReader(c.in, maxInput))
	if line, ok := bytes.CutSuffix(value, []byte("\n")); ok {
		value = bytes.TrimSuffix(line, []byte("\r"))
	}
	return value, err
}

// promptValue asks for a value. An interruption shows typed characters again.
func (c *cli) promptValue(ctx context.Context, terminal int, name string) ([]byte, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(c.err, "Value of %s (it is not shown): ", name)
	type answer struct {
		value []byte
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := term.ReadPassword(terminal)
		answers <- answer{value, err}
	}()
	defer fmt.Fprintln(c.err)
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), term.Restore(terminal, before))
	}
}
