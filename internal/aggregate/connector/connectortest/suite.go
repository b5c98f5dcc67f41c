// Package connectortest is the conformance suite of connectors: what every one must do, and what the sessions of accounts rely on. It owns no
// connector and must not know how one works.
package connectortest

import (
	"context"
	"io"
	"log"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
	"bursar/internal/failure"
)

// Case is a connector and an institution for it.
type Case struct {
	Connector connector.Connector
	// Institution answers the connector's requests. If it is nil, the connector does not use HTTP, and the tests of answers are left out.
	Institution http.Handler
	// Login returns a login that the institution accepts; url is that of the institution. HTTP and Permit are set by the suite.
	Login func(url string) connector.Login
	// Spoil changes the credentials of a login, so that the institution rejects them.
	Spoil func(l *connector.Login)
	// Request is of an account that the credentials reach; Unknown is an id that they do not.
	Request connector.Request
	Unknown string
	// Stable returns a document without what the institution writes anew in each answer, such as times and ids. Nil: there is nothing of that.
	Stable func(document string) string
}

// Run runs the suite. Every test gets a new Case.
func Run(t *testing.T, open func(t *testing.T) Case) {
	general := map[string]func(*testing.T, *visit){
		"list is sorted":                 listSorted,
		"a fetch is repeatable":          fetchRepeatable,
		"wrong credentials":              wrongCredentials,
		"an unknown account":             unknownAccount,
		"a permit before each request":   permits,
		"an error of a permit":           permitFails,
		"an error of the delivery":       deliveryFails,
		"cancelled before":               cancelledBefore,
		"a missing credential":           missingCredential,
		"progress is reported":           progress,
		"sessions side by side":          sideBySide,
		"a session of a listed account":  fetchListed,
		"credentials are in no delivery": noSecretsDelivered,
	}
	ofAnswers := map[string]func(*testing.T, *visit){
		"cancelled while waiting": cancelledWaiting,
		"no answer in time":       tooLate,
		"throttled":               throttled,
		"unavailable":             troubled(Unavailable, failure.Transient),
		"torn":                    troubled(Torn, failure.Transient),
		"cut":                     troubled(Cut, failure.Transient),
		"endless":                 endless,
		"garbage":                 troubled(Garbage, failure.Data),
		"echo":                    troubled(Echo, failure.Data),
		"elsewhere":               troubled(Elsewhere, failure.Data),
		"not trusted":             notTrusted,
	}
	for name, test := range general {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			test(t, newVisit(t, &c))
		})
	}
	for name, test := range ofAnswers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			if c.Institution == nil {
				t.Skip("the connector does not use HTTP")
			}
			test(t, newVisit(t, &c))
		})
	}
}

var quiet = log.New(io.Discard, "", 0)

// visit is a login at an institution of one test, and what a test counts.
type visit struct {
	*Case
	institution *Institution
	login       connector.Login
	permits     atomic.Int64
	permit      func(context.Context) error // nil: always given
}

func newVisit(t *testing.T, c *Case) *visit {
	v := &visit{Case: c}
	url := ""
	if c.Institution != nil {
		v.institution = NewInstitution(t, c.Institution)
		url = v.institution.URL
	}
	v.login = c.Login(url)
	v.login.Permit = func(ctx context.Context) error {
		v.permits.Add(1)
		if v.permit != nil {
			return v.permit(ctx)
		}
		return ctx.Err()
	}
	v.useClient(t, web.Options{})
	return v
}

// useClient gives the login a client with options besides the permit and the trusted certificate.
func (v *visit) useClient(t *testing.T, o web.Options) {
	if v.institution == nil {
		return
	}
	o.Permit = v.login.Permit
	if o.RootCA == nil {
		o.RootCA = v.institution.RootCA()
	}
	client, err := web.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	v.login.HTTP = client
}

// limit is how long a session of a test may take.
const limit = time.Minute

// list logs in and lists.
func (v *visit) list(t *testing.T) ([]connector.Account, error) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	s, err := v.Connector.LogIn(ctx, v.login)
	if err != nil {
		return nil, err
	}
	defer closeSession(ctx, t, s)
	return s.List(ctx)
}

// fetch logs in and fetches an account.
func (v *visit) fetch(ctx context.Context, t *testing.T, account string, d connector.Delivery) error {
	s, err := v.Connector.LogIn(ctx, v.login)
	if err != nil {
		return err
	}
	defer closeSession(ctx, t, s)
	r := v.Request
	r.Account = account
	return s.Fetch(ctx, r, d)
}

func (v *visit) fetchAll(t *testing.T) (*Recorder, error) {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	r := &Recorder{}
	err := v.fetch(ctx, t, v.Request.Account, r)
	return r, err
}

func closeSession(ctx context.Context, t *testing.T, s connector.Session) {
	if err := s.Close(context.WithoutCancel(ctx)); err != nil {
		t.Errorf("close the session: %v", err)
	}
}
