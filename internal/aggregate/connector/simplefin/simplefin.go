// Package simplefin fetches accounts by the SimpleFIN protocol (https://www.simplefin.org/protocol.html), versions 1 and 2. It owns its requests
// and answers. It guarantees that an answer about which the institution reports an error proves nothing (Changes.Partial). It must not store
// anything, and never prints an access URL, which is a password (rule 8).
//
// Credential: access_url, which Claim gets for a setup token. Setting: days, how many of them one request may ask for (60; SimpleFIN Bridge caps
// requests of more than 90).
package simplefin

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

const (
	defaultDays = 60
	mostDays    = 90
)

// Connector is the connector. The zero value is ready for use.
type Connector struct{}

type session struct {
	requester web.Requester
	root      *url.URL // without the credentials
	user      *url.Userinfo
	days      int
}

// LogIn implements connector.Connector. It sends nothing: every request has the credentials.
func (Connector) LogIn(_ context.Context, l connector.Login) (connector.Session, error) {
	access, err := l.Credential("access_url")
	if err != nil {
		return nil, err
	}
	days, err := l.Number("days", defaultDays, mostDays)
	if err != nil {
		return nil, err
	}
	root, err := parseAccessURL(access.Reveal())
	if err != nil {
		return nil, err
	}
	user := root.User
	root.User = nil
	return &session{web.Requester{Client: l.HTTP, Secrets: secretsOf(access, user)}, root, user, days}, nil
}

// parseAccessURL checks an access URL. Its errors do not contain it.
func parseAccessURL(text string) (*url.URL, error) {
	root, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil, root.Host == "":
		err = errors.New("log in: the credential access_url is not a valid URL; claim one with a setup token")
	case root.Scheme != "https":
		err = errors.New("log in: the credential access_url does not begin with https://")
	case root.User.Username() == "":
		err = errors.New("log in: the credential access_url contains no user and password; claim one with a setup token")
	}
	return root, failure.Wrap(failure.Data, err)
}

func secretsOf(access vault.Secret, user *url.Userinfo) []vault.Secret {
	password, _ := user.Password()
	pair := user.Username() + ":" + password
	secrets := []vault.Secret{access}
	for _, value := range []string{user.String(), pair, base64.StdEncoding.EncodeToString([]byte(pair)), password, user.Username()} {
		secrets = append(secrets, vault.NewSecret(value))
	}
	return secrets
}

// Close implements connector.Session.
func (*session) Close(context.Context) error { return nil }

// List implements connector.Session.
func (s *session) List(ctx context.Context) ([]connector.Account, error) {
	set, err := s.ask(ctx, url.Values{"balances-only": {"1"}})
	if err != nil {
		return nil, err
	}
	if len(set.Accounts) == 0 {
		if err := set.errorFor(&account{}); err != nil {
			return nil, err
		}
	}
	accounts := []connector.Account{}
	for i := range set.Accounts {
		a := &set.Accounts[i]
		accounts = append(accounts, connector.Account{ID: a.ID, Name: a.Name, Currency: a.Currency})
	}
	slices.SortFunc(accounts, func(a, b connector.Account) int { return cmp.Compare(a.ID, b.ID) })
	return accounts, nil
}

// Fetch implements connector.Session: one Changes for each window. Servers list pending transactions only in the window of today, which therefore is
// as long as possible: a complete window before it would say that they have vanished.
func (s *session) Fetch(ctx context.Context, r connector.Request, d connector.Delivery) error {
	windows := r.RecentWindows(s.days)
	for i, w := range windows {
		changes, err := s.fetchWindow(ctx, r.Account, w)
		if err != nil {
			return err
		}
		if err := d.Changes(ctx, changes); err != nil {
			return err
		}
		r.Report(i+1, len(windows))
	}
	return nil
}

func (s *session) fetchWindow(ctx context.Context, id string, w connector.Window) (*connector.Changes, error) {
	end := w.To.AddDate(0, 0, 1) // which is not included
	set, err := s.ask(ctx, url.Values{
		"account": {id}, "pending": {"1"},
		"start-date": {strconv.FormatInt(w.From.Unix(), 10)}, "end-date": {strconv.FormatInt(end.Unix(), 10)},
	})
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(set.Accounts, func(a account) bool { return a.ID == id })
	if at < 0 {
		if err := set.errorFor(&account{ID: id}); err != nil {
			return nil, err
		}
		return nil, &connector.UnknownAccountError{Account: id}
	}
	a := &set.Accounts[at]
	if err := set.authErrorFor(a); err != nil {
		return nil, err
	}
	changes, err := a.changes()
	if err != nil {
		return nil, set.answer.Refuse("account %s: %s", id, err)
	}
	changes.From, changes.To = w.From.Format(time.DateOnly), w.To.Format(time.DateOnly)
	changes.Partial = set.warn(changes, a)
	changes.Complete = !changes.Partial
	return changes, nil
}

// ask sends a request. Servers that know version 2 answer with structured errors; others ignore the parameter.
func (s *session) ask(ctx context.Context, query url.Values) (*accountSet, error) {
	query.Set("version", "2")
	address := s.root.JoinPath("accounts")
	address.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, failure.Wrap(failure.Data, errors.New("ask for accounts: the credential access_url is not a valid URL"))
	}
	password, _ := s.user.Password()
	r.SetBasicAuth(s.user.Username(), password)
	answer, err := s.requester.Send(r)
	if err != nil {
		return nil, err
	}
	if err := answer.Check(); err != nil {
		if answer.Status == http.StatusPaymentRequired {
			return nil, &connector.CredentialsError{Reason: "the institution asks for payment of its service; renew the subscription"}
		}
		return nil, err
	}
	set := &accountSet{answer: answer}
	if err := answer.Decode(set); err != nil {
		return nil, err
	}
	if set.Accounts == nil {
		return nil, answer.Refuse("the answer has no list of accounts")
	}
	return set, nil
}
