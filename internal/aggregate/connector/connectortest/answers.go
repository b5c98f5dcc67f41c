// Tests of answers that are late, cut off, too long, or not answers at all.

package connectortest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
	"bursar/internal/failure"
)

// checkError checks the class of an error, and that none of the errors in its chain contains a secret.
func (v *visit) checkError(t *testing.T, err error, class failure.Class) {
	t.Helper()
	if err == nil || failure.Of(err) != class {
		t.Fatalf("the class is %s, want %s: %v", failure.Of(err), class, err)
	}
	for _, secret := range v.secrets() {
		for _, form := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", e.Error(), e, e), form) {
					t.Errorf("an error contains %q: %v", form, e)
				}
			}
		}
	}
}

// fails causes trouble for a fetch and a list, and checks their errors.
func (v *visit) fails(t *testing.T, trouble Trouble, class failure.Class) error {
	t.Helper()
	v.institution.Cause(trouble)
	_, err := v.list(t)
	v.checkError(t, err, class)
	r, err := v.fetchAll(t)
	v.checkError(t, err, class)
	if r.parts() > 0 {
		t.Errorf("%d parts were delivered", r.parts())
	}
	return err
}

func throttled(t *testing.T, v *visit) {
	err := v.fails(t, Throttled, failure.Throttled)
	if after := failure.RetryAfter(err); after != RetryAfterSeconds*time.Second {
		t.Errorf("retry after %s: %v", after, err)
	}
}

// troubled returns a test of trouble of which the error's class is all that matters.
func troubled(trouble Trouble, class failure.Class) func(*testing.T, *visit) {
	return func(t *testing.T, v *visit) { _ = v.fails(t, trouble, class) }
}

// endless fetches only: an answer of the greatest length takes a while.
func endless(t *testing.T, v *visit) {
	v.institution.Cause(Endless)
	r, err := v.fetchAll(t)
	v.checkError(t, err, failure.Data)
	if !strings.Contains(err.Error(), fmt.Sprint(connector.MaxBody)) || r.parts() > 0 {
		t.Errorf("%d parts, %v", r.parts(), err)
	}
}

func cancelledWaiting(t *testing.T, v *visit) {
	v.institution.Cause(Silent)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-v.institution.asked
		cancel()
	}()
	r := &Recorder{}
	if err := v.fetch(ctx, t, v.Request.Account, r); !errors.Is(err, context.Canceled) || r.parts() > 0 {
		t.Errorf("%d parts, %v", r.parts(), err)
	}
}

func tooLate(t *testing.T, v *visit) {
	v.useClient(t, web.Options{Timeout: 50 * time.Millisecond})
	err := v.fails(t, Silent, failure.Transient)
	if !strings.Contains(err.Error(), "50ms") {
		t.Errorf("the error does not name the time: %v", err)
	}
}

// notTrusted uses the system's authorities, of which none has signed the certificate.
func notTrusted(t *testing.T, v *visit) {
	client, err := web.NewClient(web.Options{Permit: v.login.Permit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	v.login.HTTP = client
	err = v.fails(t, None, failure.Data)
	if !strings.Contains(err.Error(), "certificate is not trusted") || v.institution.Requests() > 0 {
		t.Errorf("%d requests: %v", v.institution.Requests(), err)
	}
}
