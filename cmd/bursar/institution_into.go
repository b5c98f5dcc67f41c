// bursar institution simulate --into: declares a simulated institution in the project, and adds its accounts.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"bursar/internal/aggregate/account"
	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/vault"
)

// simulatedMark is the first line of the file of a simulated institution. Such a file is replaced when the institution starts again.
const simulatedMark = "# A simulated institution: `bursar institution simulate` has written this file, and replaces it."

// prepare checks what may fail before the institution starts. One that was simulated before gets its address again.
func (s *simulation) prepare() error {
	if _, err := s.vault(); err != nil { // it is a project folder
		return err
	}
	if err := app.Served(s.project); err != nil {
		return withHint(err, "stop it, start the simulation, and start it again: it reads the project folder when it starts")
	}
	file := "institutions/" + s.into + ".yaml"
	content, err := os.ReadFile(filepath.Join(s.project, filepath.FromSlash(file)))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read institution: %w", err)
	case !bytes.HasPrefix(content, []byte(simulatedMark)):
		return withHint(usagef("--into %s: %s is the file of an institution that was not simulated", s.into, file), "choose another name")
	}
	return s.continueAs(file)
}

// continueAs gives the institution the address that it had before. Accounts of another kind have other ids.
func (s *simulation) continueAs(file string) error {
	p, _ := project.Read(s.project) // what is wrong with it is replaced
	i := p.Institution(s.into)
	if i == nil || i.Connection == nil {
		return nil
	}
	if kind := i.Connection.Kind; kind != s.kind {
		return withHint(usagef("--into %s: %s declares it with the kind %s", s.into, file, kind), "use --kind %s, or another name", kind)
	}
	if before, err := url.Parse(i.Connection.Settings["url"]); err == nil && s.options.Listen == "" {
		s.options.Listen = before.Host
	}
	return nil
}

// declare writes the institution into the project, its credentials into the vault, and adds the accounts.
func (s *simulation) declare(ctx context.Context) error {
	files, err := s.writeFiles()
	if err != nil {
		return err
	}
	list := s.accounts()
	secrets, err := s.keepCredentials(ctx, list)
	if err != nil {
		return err
	}
	added, err := s.addSimulated(ctx, list)
	if err != nil {
		return err
	}
	result := map[string]any{
		"institution": s.into, "kind": s.kind, "settings": s.settings(), "ca": files[1], "files": files, "secrets": secrets, "added": len(added), "accounts": list,
	}
	return s.result(result, func(w io.Writer) {
		fmt.Fprintf(w, "The simulated institution %s runs; Ctrl-C ends it.\nWrote %s and %s, put %s into the vault, and added %s.\n", s.into, files[0], files[1],
			plural(secrets, "secret", "secrets"), plural(len(added), "account", "accounts"))
		g := newGrid("account", "name", "currency")
		for _, one := range list[:min(len(list), shownAccounts)] {
			g.add(one.String(), one.Name, one.Currency)
		}
		g.print(w, width(s.out))
		printRest(w, len(list)-len(g.rows), "`bursar account list` shows all")
		fmt.Fprintf(w, "next, in another terminal: bursar account refresh --institution %s\n", s.into)
	})
}

func (s *simulation) writeFiles() (files []string, err error) {
	certificates := filepath.Join(s.project, "certificates")
	if err := os.MkdirAll(certificates, 0o755); err != nil {
		return nil, fmt.Errorf("write the certificate authority: %w", err)
	}
	if err := os.WriteFile(filepath.Join(certificates, s.into+".pem"), s.bank.RootCA(), 0o644); err != nil {
		return nil, fmt.Errorf("write the certificate authority: %w", err)
	}
	ca := "certificates/" + s.into + ".pem"
	declared := project.NewInstitution{Name: s.into, Comment: simulatedMark, Settings: []project.Setting{{Key: "connector.kind", Value: s.kind}, {Key: "connector.ca", Value: ca}}}
	settings := s.settings()
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		declared.Settings = append(declared.Settings, project.Setting{Key: "connector." + key, Value: settings[key]})
	}
	declared.Settings = append(declared.Settings, s.limits()...)
	file, err := declared.Write(s.project, true)
	if err != nil {
		return nil, addError(err, s.into, file)
	}
	return []string{file, ca}, nil
}

// limits are those of the institution, or generous ones. Accounts may be refreshed as often as people like.
func (s *simulation) limits() []project.Setting {
	requests, per, sessions := 6000, "1m", 8
	if l := s.options.Limit; l.Requests > 0 {
		requests, per = l.Requests, project.FormatTime(l.Per)
	}
	if l := s.options.Limit; l.Concurrent > 0 {
		sessions = l.Concurrent
	}
	return []project.Setting{
		{Key: "limits.requests", Value: fmt.Sprint(requests)},
		{Key: "limits.per", Value: per},
		{Key: "limits.sessions", Value: fmt.Sprint(sessions)},
		{Key: "limits.account_day", Value: "1000"},
		{Key: "refresh.every", Value: "10m"},
	}
}

// keepCredentials puts the credentials of each login into the vault, replaces them in the list by references, and returns how many there are.
func (s *simulation) keepCredentials(ctx context.Context, list []simulated) (secrets int, err error) {
	v, err := s.vault()
	if err != nil {
		return 0, err
	}
	made, err := v.Init(ctx)
	if err != nil && !errors.Is(err, vault.ErrExists) {
		return 0, err
	}
	if made.Created {
		fmt.Fprintf(s.err, "Created %s; its key is in %s.\n", made.Vault, made.KeyFile)
	}
	kept := map[string]string{} // the name of each secret, by its value and what it is for
	for i := range list {
		for _, name := range slices.Sorted(maps.Keys(list[i].Credentials)) {
			value := list[i].Credentials[name]
			secret := kept[name+" "+value]
			if secret == "" {
				secret = fmt.Sprintf("%s_%s_%d", s.into, name, i+1)
				if _, _, err := v.Set(ctx, secret, []byte(value)); err != nil {
					return 0, err
				}
				kept[name+" "+value] = secret
			}
			list[i].Credentials[name] = "vault:" + secret
		}
	}
	return len(kept), nil
}

func (s *simulation) addSimulated(ctx context.Context, list []simulated) (added []account.Ref, err error) {
	a, err := app.Open(ctx, s.project, "institution simulate", s.log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	accounts := make([]account.Account, len(list))
	for i, one := range list {
		accounts[i] = account.Account{Ref: one.Ref, Name: one.Name, Currency: one.Currency, Type: one.Type, Credentials: one.Credentials}
	}
	return a.AddAccounts(ctx, accounts)
}
