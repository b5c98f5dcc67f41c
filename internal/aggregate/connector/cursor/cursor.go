// Package cursor fetches accounts by an API of changes since a cursor, in the form of Plaid's /transactions/sync. It owns its requests and answers.
// It guarantees that a Changes contains all pages of one state of the institution, and the newest state of each transaction in it. It must not
// store anything.
//
// Settings: url, such as https://production.plaid.com; count, how many changes one page has (500, the most that the API allows). Credentials: client_id, secret, access_token.
package cursor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
	"bursar/internal/failure"
)

const (
	mostCount    = 500 // changes of a page
	mostPages    = 10_000
	mostRestarts = 5 // of a fetch whose pages change while they are read
)

// Connector is the connector. The zero value is ready for use.
type Connector struct{}

type session struct {
	requester web.Requester
	root      *url.URL
	count     int            // changes of a page
	fields    map[string]any // of every request
}

// LogIn implements connector.Connector. It sends nothing: every request has the credentials.
func (Connector) LogIn(_ context.Context, l connector.Login) (connector.Session, error) {
	address, err := l.Required("url")
	if err != nil {
		return nil, err
	}
	root, err := url.Parse(address)
	if err != nil || root.Host == "" || root.User != nil || root.RawQuery != "" {
		return nil, failure.Wrap(failure.Data, errors.New("log in: the setting url is not an address such as https://production.plaid.com"))
	}
	count, err := l.Number("count", mostCount, mostCount)
	if err != nil {
		return nil, err
	}
	s := &session{web.Requester{Client: l.HTTP}, root, count, map[string]any{}}
	for _, name := range []string{"client_id", "secret", "access_token"} {
		value, err := l.Credential(name)
		if err != nil {
			return nil, err
		}
		s.fields[name] = value.Reveal()
		s.requester.Secrets = append(s.requester.Secrets, value)
	}
	return s, nil
}

// Close implements connector.Session.
func (*session) Close(context.Context) error { return nil }

// List implements connector.Session.
func (s *session) List(ctx context.Context) ([]connector.Account, error) {
	var answer struct {
		Accounts []account `json:"accounts"`
	}
	got, err := s.ask(ctx, "/accounts/get", nil, &answer)
	if err != nil {
		return nil, err
	}
	if answer.Accounts == nil {
		return nil, got.Refuse("the answer has no list of accounts")
	}
	accounts := []connector.Account{}
	for i := range answer.Accounts {
		a := &answer.Accounts[i]
		accounts = append(accounts, connector.Account{
			ID: a.ID, Name: cmp.Or(a.OfficialName, a.Name), Currency: a.Balances.Currency, Type: cmp.Or(a.Subtype, a.Type),
		})
	}
	slices.SortFunc(accounts, func(a, b connector.Account) int { return cmp.Compare(a.ID, b.ID) })
	return accounts, nil
}

// Fetch implements connector.Session: one Changes. If the institution's data change while its pages are read, the pages that were read belong to no
// state of it, and all are read again from the first one.
func (s *session) Fetch(ctx context.Context, r connector.Request, d connector.Delivery) error {
	for range 1 + mostRestarts {
		collected := newCollector(&r)
		err := s.readPages(ctx, &r, collected)
		if errors.Is(err, errMutated) {
			continue
		}
		if err != nil {
			return err
		}
		return d.Changes(ctx, collected.changes())
	}
	return failure.Wrap(failure.Transient, fmt.Errorf("ask %s: its data changed %d times while their pages were read", s.root.Host, 1+mostRestarts))
}

var (
	// errMutated says that the data have changed since the first page.
	errMutated = failure.Wrap(failure.Transient, errors.New("the data changed while their pages were read"))
	// errUnknownAccount says that the credentials do not reach the account of the request.
	errUnknownAccount = failure.Wrap(failure.Data, errors.New("the account is not known"))
)

func (s *session) readPages(ctx context.Context, r *connector.Request, collected *collector) error {
	at := r.Cursor
	for range mostPages {
		fields := map[string]any{"count": s.count, "options": map[string]string{"account_id": r.Account}}
		if at != "" {
			fields["cursor"] = at
		}
		var p page
		answer, err := s.ask(ctx, "/transactions/sync", fields, &p)
		switch {
		case errors.Is(err, errUnknownAccount):
			return &connector.UnknownAccountError{Account: r.Account}
		case err != nil:
			return err
		case p.HasMore && (p.Next == "" || p.Next == at):
			return answer.Refuse("there are more pages, but no cursor of the next one")
		}
		if err := collected.add(&p); err != nil {
			return refine(answer, err)
		}
		r.Report(collected.count(), 0)
		if at = p.Next; !p.HasMore {
			return nil
		}
	}
	return failure.Wrap(failure.Data, fmt.Errorf("ask %s: there are more than %d pages", s.root.Host, mostPages))
}

// refine gives an error about a page the text of the answer, unless it is one that a person or a retry can act on.
func refine(answer *web.Answer, err error) error {
	var classified failure.Classified
	if errors.As(err, &classified) {
		return err
	}
	return answer.Refuse("%s", err)
}

// ask sends a request with the credentials, and reads the answer into a value.
func (s *session) ask(ctx context.Context, path string, fields map[string]any, into any) (*web.Answer, error) {
	all := make(map[string]any, len(s.fields)+len(fields))
	for _, from := range []map[string]any{s.fields, fields} {
		for name, value := range from {
			all[name] = value
		}
	}
	content, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	address := s.root.JoinPath(path)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(content))
	if err != nil {
		return nil, failure.Wrap(failure.Data, errors.New("ask for transactions: the setting url is not valid"))
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.requester.Send(r)
	if err != nil {
		return nil, err
	}
	if err := check(answer); err != nil {
		return nil, err
	}
	if err := answer.Decode(into); err != nil {
		return nil, err
	}
	return answer, nil
}

// apiError is the answer of the API to a request that failed.
type apiError struct {
	Type    string `json:"error_type"`
	Code    string `json:"error_code"`
	Message string `json:"error_message"`
}

// Codes of errors, by what can be done.
const (
	forPeople = " ITEM_LOGIN_REQUIRED INVALID_ACCESS_TOKEN INVALID_API_KEYS INVALID_CREDENTIALS INVALID_MFA ITEM_LOCKED ITEM_NOT_FOUND " +
		"ACCESS_NOT_GRANTED USER_PERMISSION_REVOKED USER_SETUP_REQUIRED INSUFFICIENT_CREDENTIALS "
	forLater = " INSTITUTION_DOWN INSTITUTION_NOT_RESPONDING INTERNAL_SERVER_ERROR PLANNED_MAINTENANCE PRODUCT_NOT_READY "
	mutated  = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
	throttle = "RATE_LIMIT_EXCEEDED" // a code, and the type of several
)

// check gives the error of an answer its class, by its code where it has one.
func check(answer *web.Answer) error {
	err := answer.Check()
	var e apiError
	if err == nil || json.Unmarshal(answer.Body, &e) != nil || e.Code == "" {
		return err
	}
	const maxReason = 200
	text := answer.Hide(e.Code + ": " + connector.Clean(e.Message, maxReason))
	said := fmt.Errorf("the institution answers with %s", text)
	is := func(codes string) bool { return strings.Contains(codes, " "+e.Code+" ") }
	switch {
	case failure.Of(err) == failure.Throttled:
		return err
	case e.Code == throttle, e.Type == throttle:
		return failure.Throttle(answer.RetryAfter(), said)
	case e.Code == mutated:
		return errMutated
	case e.Code == "INVALID_ACCOUNT_ID":
		return errUnknownAccount
	case is(forPeople):
		return &connector.CredentialsError{Reason: text}
	case is(forLater), failure.Of(err) == failure.Transient:
		return failure.Wrap(failure.Transient, said)
	}
	return failure.Wrap(failure.Data, said)
}
