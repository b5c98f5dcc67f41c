// How a session of an account is opened: settings and credentials with their values, and the client of its institution.

package refresh

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
	"bursar/internal/aggregate/limit"
	"bursar/internal/project"
	"bursar/internal/vault"
)

// login returns how a session of an account is opened, and what hides its secrets in errors.
func (r *Refresher) login(i *project.Institution, a *account.Account, permits *limit.Session) (l connector.Login, hide func(error) error, err error) {
	o := &opening{Refresher: r, institution: i, account: a}
	o.Login = connector.Login{Settings: map[string]string{}, Folder: r.Project.Dir, Credentials: map[string]vault.Secret{}, Permit: permits.Permit}
	for _, step := range []func() error{o.settings, o.environment, o.credentials} {
		if err := step(); err != nil {
			return l, nil, err
		}
	}
	if o.HTTP, err = r.client(i); err != nil {
		return l, nil, err
	}
	return o.Login, func(err error) error { return vault.Hide(err, "a credential of "+a.String(), o.secrets...) }, nil
}

// opening collects what a session needs, and the values that are secret.
type opening struct {
	*Refresher
	connector.Login
	institution *project.Institution
	account     *account.Account
	secrets     []string
}

// declared returns the value of a text of the institution's file.
func (o *opening) declared(path, text string) (vault.Secret, error) {
	return o.Resolve(o.institution.File, o.institution.LineOf(path, text), path, text)
}

func (o *opening) settings() error {
	for key, text := range o.institution.Connection.Settings {
		value, err := o.declared("connector."+key, text)
		if err != nil {
			return err
		}
		o.Settings[key] = value.Reveal()
		if vault.IsSecret(text) {
			o.secrets = append(o.secrets, value.Reveal())
		}
	}
	if len(o.institution.Connection.Command) == 0 {
		return nil
	}
	command, err := json.Marshal(o.institution.Connection.Command)
	o.Settings["command"] = string(command)
	return err
}

// environment adds the variables of a program, which may be secret.
func (o *opening) environment() error {
	for name, text := range o.institution.Connection.Env {
		value, err := o.declared("connector.env."+name, text)
		if err != nil {
			return err
		}
		o.add("env."+name, value)
	}
	return nil
}

// credentials adds those of the account, and the answer to the institution's last question.
func (o *opening) credentials() (err error) {
	for name, text := range o.account.Credentials {
		value, err := o.Resolve("", 0, "the credential "+name+" of account "+o.account.String(), text)
		if err != nil {
			return err
		}
		o.add(name, value)
	}
	if o.account.Answer == "" {
		return nil
	}
	if o.Answer, err = o.Decrypt(o.account.Answer); err != nil {
		return fmt.Errorf("read the answer for account %s: %w", o.account, err)
	}
	o.secrets = append(o.secrets, o.Answer.Reveal())
	return nil
}

func (o *opening) add(name string, value vault.Secret) {
	o.Credentials[name] = value
	o.secrets = append(o.secrets, value.Reveal())
}

// client returns the HTTP client of an institution, whose connections its sessions share.
func (r *Refresher) client(i *project.Institution) (*http.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[i.Name]; c != nil {
		return c, nil
	}
	o := web.Options{Timeout: i.Connection.Timeout, Permit: limit.Permit}
	if i.Connection.CA != "" {
		ca, err := os.ReadFile(filepath.Join(r.Project.Dir, i.Connection.CA))
		if err != nil {
			return nil, fmt.Errorf("read the certificates of institution %s: %w", i.Name, err)
		}
		o.RootCA = ca
	}
	c, err := web.NewClient(o)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", i.File, i.LineOf("connector.ca", ""), err)
	}
	if r.clients == nil {
		r.clients = map[string]*http.Client{}
	}
	r.clients[i.Name] = c
	return c, nil
}

// Close closes the connections to institutions.
func (r *Refresher) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		c.CloseIdleConnections()
	}
}
