// bursar institution simulate: starts a simulated institution.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/tools/bank"

	"github.com/spf13/cobra"
)

const (
	// mostSimulated bounds the accounts of a simulated institution, and mostLogins those whose credentials are put into a vault.
	mostSimulated = 100_000
	mostLogins    = 1000
	// longestInto leaves room in the names of secrets.
	longestInto = 40
	// helpWidth is the width of the list of faults in the help.
	helpWidth = 120
)

// simulation is one call of the command.
type simulation struct {
	*cli
	options bank.Options
	kind    string
	faults  []string
	into    string

	bank *bank.Bank
	ca   string // file
}

func (c *cli) institutionSimulateCommand() *cobra.Command {
	s := &simulation{cli: c}
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Start a simulated institution, until Ctrl-C",
		Long: `Starts an institution on this machine whose accounts follow from a seed, and prints where it is reached, the file of its
certificate authority, and the accounts with their credentials. It speaks the protocols of the kinds ` +
			strings.Join(simulatedKinds, ", ") + ` over TLS.

With --into NAME it also writes institutions/NAME.yaml and certificates/NAME.pem into the project, puts the credentials into the
vault, which it creates if there is none, and adds the accounts. In another terminal,
` + "`bursar account refresh --institution NAME`" + ` refreshes them. Started again with the same --into, it has the same address and
accounts; ` + "`bursar up`" + ` is started after it.

--faults is a list of faults with their shares, from 0 to 1, or times, such as throttle=0.01,latency=150ms; or worst: every
fault that there is, within a limit of requests. The faults are

  ` + strings.Join(breakLines(strings.Join(faultNames(), ", "), helpWidth), "\n  ") + `

If a login needs a one-time password, the next one is printed on standard error.`,
		Example: `  bursar institution simulate --into acme --accounts 3
  bursar institution simulate --accounts 2000 --faults worst --seed 7
  bursar institution simulate --into acme --kind ofx --faults one_time_password=1
  bursar institution simulate --kind simplefin --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			return s.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	countVar(flags, &s.options.Accounts, "accounts", 3, "number of accounts")
	countVar(flags, &s.options.PerUser, "per-login", 1, "number of accounts that one login reaches")
	countVar(flags, &s.options.Statements, "months", 2, "months of transactions before the start")
	flags.Uint64Var(&s.options.Seed, "seed", 1, "the accounts and their transactions follow from it")
	flags.StringVar(&s.options.Listen, "listen", "", "its `address`, HOST:PORT; by default a free port of this machine")
	flags.StringVar(&s.kind, "kind", project.OFXConnector, "the protocol whose credentials are printed: "+strings.Join(simulatedKinds, ", "))
	flags.StringSliceVar(&s.faults, "faults", nil, "what goes wrong, and how often")
	flags.StringVar(&s.into, "into", "", "declare it in the project under this `name`, and add its accounts")
	return cmd
}

// simulatedKinds are the kinds of connectors whose protocols a simulated institution speaks.
var simulatedKinds = []string{project.OFXConnector, project.SimpleFINConnector, project.CursorConnector}

func (s *simulation) check() error {
	o := &s.options
	logins := (o.Accounts + max(o.PerUser, 1) - 1) / max(o.PerUser, 1)
	switch {
	case !slices.Contains(simulatedKinds, s.kind):
		return usagef("--kind %s: use %s", s.kind, strings.Join(simulatedKinds, ", "))
	case o.Accounts < 1 || o.Accounts > mostSimulated:
		return usagef("--accounts %d: use 1 to %s", o.Accounts, formatCount(mostSimulated))
	case o.PerUser < 1:
		return usagef("--per-login %d: use 1 or more", o.PerUser)
	case o.Statements < 1:
		return usagef("--months %d: use 1 or more", o.Statements)
	case s.into != "" && (!doc.IsName(s.into) || len(s.into) > longestInto):
		return usagef("--into %s: names are lower-case letters, digits and _, at most %d, and start with a letter", s.into, longestInto)
	case s.into != "" && logins > mostLogins:
		return usagef("--into puts the credentials of at most %s logins into the vault: use fewer --accounts, or more of them --per-login", formatCount(mostLogins))
	}
	return setFaults(o, s.faults)
}

func (s *simulation) run(ctx context.Context) (err error) {
	if s.into != "" {
		if err := s.prepare(); err != nil {
			return err
		}
	}
	if s.bank, err = bank.Start(s.options); err != nil {
		return withHint(err, "--listen names another address")
	}
	defer s.bank.Close()
	if s.into == "" {
		remove, err := s.writeCA()
		if err != nil {
			return err
		}
		defer remove()
		err = s.print()
		if err != nil {
			return err
		}
	} else if err := s.declare(ctx); err != nil {
		return err
	}
	s.wait(ctx)
	return nil
}

// writeCA writes the certificate authority to a temporary file.
func (s *simulation) writeCA() (remove func(), err error) {
	f, err := os.CreateTemp("", "bursar-institution-*.pem")
	if err != nil {
		return nil, fmt.Errorf("write the certificate authority: %w", err)
	}
	s.ca = f.Name()
	_, err = f.Write(s.bank.RootCA())
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("write the certificate authority: %w", errors.Join(err, os.Remove(s.ca)))
	}
	return func() { _ = os.Remove(s.ca) }, nil
}

// simulated is an account of the institution, with the credentials of the chosen protocol.
type simulated struct {
	account.Ref
	Name        string            `json:"name"`
	Currency    string            `json:"currency"`
	Type        string            `json:"type"`
	Credentials map[string]string `json:"credentials"`

	bankID string // by which the institution knows it
	login  string
}

// accounts lists the accounts as the chosen protocol has them.
func (s *simulation) accounts() []simulated {
	all := s.bank.Accounts()
	list := make([]simulated, len(all))
	for i, one := range all {
		list[i] = simulated{
			Ref: account.Ref{Institution: s.into, Account: one.ID}, Name: one.Name, Currency: one.Currency, Type: one.Type, bankID: one.ID, login: one.User,
		}
		switch s.kind {
		case project.OFXConnector:
			list[i].Account = map[string]string{"CHECKING": "checking:", "SAVINGS": "savings:", "CREDITCARD": "card:"}[one.Type] + one.ID
			list[i].Credentials = map[string]string{"user": one.User, "password": one.Password}
		case project.SimpleFINConnector:
			list[i].Credentials = map[string]string{"access_url": one.AccessURL}
		case project.CursorConnector:
			list[i].Credentials = map[string]string{"client_id": one.ClientID, "secret": one.Secret, "access_token": one.AccessToken}
		}
	}
	return list
}

// settings are the connector of the institution, without its kind and certificates.
func (s *simulation) settings() map[string]string {
	switch s.kind {
	case project.OFXConnector:
		settings := map[string]string{"url": s.bank.URL(bank.OFX)}
		for _, one := range s.bank.Accounts() {
			if one.BankID != "" {
				settings["bank_id"] = one.BankID
			}
		}
		return settings
	case project.CursorConnector:
		return map[string]string{"url": s.bank.URL(bank.Cursor)}
	}
	return map[string]string{}
}

func (s *simulation) print() error {
	list := s.accounts()
	result := map[string]any{"kind": s.kind, "settings": s.settings(), "ca": s.ca, "accounts": list}
	if s.kind == project.SimpleFINConnector {
		result["setup_token"] = s.bank.SetupToken(list[0].bankID)
	}
	return s.result(result, func(w io.Writer) {
		fmt.Fprintf(w, "A simulated institution of the kind %s runs; Ctrl-C ends it.\n", s.kind)
		for _, name := range []string{"url", "bank_id"} {
			if value := s.settings()[name]; value != "" {
				fmt.Fprintf(w, "  %-11s %s\n", name, value)
			}
		}
		fmt.Fprintf(w, "  %-11s %s\n", "ca", s.ca)
		if token, ok := result["setup_token"].(string); ok {
			fmt.Fprintf(w, "  %-11s %s\n", "setup token", token)
		}
		s.printCredentials(w, list)
	})
}

func (s *simulation) printCredentials(w io.Writer, list []simulated) {
	names := map[string][]string{
		project.OFXConnector: {"user", "password"}, project.SimpleFINConnector: {"access_url"}, project.CursorConnector: {"client_id", "secret", "access_token"},
	}[s.kind]
	g := newGrid(append([]string{"id", "name", "currency"}, names...)...)
	for _, name := range names {
		g.wrap(name)
	}
	for _, one := range list[:min(len(list), shownAccounts)] {
		cells := []string{one.Account, one.Name, one.Currency}
		for _, name := range names {
			cells = append(cells, one.Credentials[name])
		}
		g.add(cells...)
	}
	g.print(w, width(s.out))
	printRest(w, len(list)-len(g.rows), "--json has all")
}

const (
	// passwordPoll is how often a used one-time password is noticed.
	passwordPoll = 200 * time.Millisecond
	// shownLogins bounds the logins whose one-time passwords are printed.
	shownLogins = 20
)

// wait prints the one-time passwords of logins, each when the one before was used, until the command is interrupted.
func (s *simulation) wait(ctx context.Context) {
	ticker := time.NewTicker(passwordPoll)
	defer ticker.Stop()
	accounts, shown := s.accounts(), map[string]string{}
	for {
		if s.options.Faults.OneTimePassword > 0 && s.kind == project.OFXConnector {
			s.printPasswords(accounts, shown)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// passwordNote is a line on standard error with --json.
type passwordNote struct {
	Login    string `json:"login"`
	Account  string `json:"account"`
	Password string `json:"one_time_password"`
}

func (s *simulation) printPasswords(accounts []simulated, shown map[string]string) {
	for _, one := range accounts {
		if _, known := shown[one.login]; !known && len(shown) == shownLogins {
			return
		}
		password := s.bank.OneTimePassword(one.bankID)
		if shown[one.login] == password {
			continue
		}
		shown[one.login] = password
		note := passwordNote{one.login, one.Account, password}
		if s.json {
			_ = json.NewEncoder(s.err).Encode(note) // the reader may have ended
			continue
		}
		fmt.Fprintf(s.err, "The next one-time password of %s (%s) is %s.\n", note.Login, note.Account, note.Password)
	}
}
