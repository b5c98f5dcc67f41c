// Sends requests, and says of answers whether they may be asked for again.

package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

// Requester sends the requests of a session.
type Requester struct {
	Client  *http.Client
	Secrets []vault.Secret // that errors must not contain; institutions repeat them
}

// Answer is a complete answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	host   string
	hide   func(text string) string
}

// Do sends a request and returns the answer, whose status is a success. The error of any other is that of Check.
func (q *Requester) Do(r *http.Request) (*Answer, error) {
	answer, err := q.Send(r)
	if err != nil {
		return nil, err
	}
	if err := answer.Check(); err != nil {
		return nil, err
	}
	return answer, nil
}

// Send sends a request and returns the answer of any status once it is complete. An answer that is cut off, does not come in time or is not an
// answer at all is Transient; one that is too long, and an institution that cannot be trusted, is Data.
func (q *Requester) Send(r *http.Request) (*Answer, error) {
	answer, err := q.Client.Do(r)
	if err != nil {
		return nil, q.failed(r, err)
	}
	defer answer.Body.Close()
	if answer.ContentLength > connector.MaxBody {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("ask %s: the answer is longer than %d bytes", r.URL.Host, connector.MaxBody))
	}
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, q.failed(r, err)
	}
	return &Answer{answer.StatusCode, answer.Header, content, r.URL.Host, q.Hide}, nil
}

// failed gives the error of a request its class. Only the context's and the permit's errors stay in the chain: those of net/http contain addresses.
func (q *Requester) failed(r *http.Request, err error) error {
	var permit *permitError
	var certificate *tls.CertificateVerificationError
	var known failure.Classified
	var address *url.Error
	host, class := r.URL.Host, failure.Transient
	switch {
	case errors.As(err, &permit):
		return fmt.Errorf("ask %s: %w", host, permit.error)
	case r.Context().Err() != nil:
		return fmt.Errorf("ask %s: %w", host, context.Cause(r.Context()))
	case errors.As(err, &certificate):
		class, err = failure.Data, fmt.Errorf("its certificate is not trusted: %w; declare the certificate of its authority", certificate.Err)
	case errors.As(err, &known):
		class = known.Class()
	}
	if errors.As(err, &address) {
		err = address.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the answer is cut off")
	}
	return failure.Wrap(class, fmt.Errorf("ask %s: %s", host, q.Hide(err.Error())))
}

// Hide returns a text without the secrets of the session, in none of the forms in which requests contain them.
func (q *Requester) Hide(text string) string {
	var forms []string
	for _, secret := range q.Secrets {
		s := secret.Reveal()
		quoted, _ := json.Marshal(s) // a string has no error
		forms = append(forms, s, string(bytes.Trim(quoted, `"`)), url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s), escapeText.Replace(s))
	}
	return vault.Hide(errors.New(text), "[secret]", forms...).Error()
}

// escapeText writes values in markup with the entities that every reader of markup knows.
var escapeText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// EscapeText returns a value as the text of an element.
func EscapeText(value string) string { return escapeText.Replace(value) }

// Check returns nil for a success. 429, and 503 with Retry-After, are Throttled; the server's failures are Transient; 401 and 403 are a
// *connector.CredentialsError; everything else is Data.
func (a *Answer) Check() error {
	text := fmt.Sprintf("status %d", a.Status)
	if excerpt := a.Excerpt(); excerpt != "" {
		text += ": " + excerpt
	}
	err := fmt.Errorf("ask %s: it answers with %s", a.host, text)
	after, known := a.retryAfter()
	switch {
	case a.Status >= 200 && a.Status < 300:
		return nil
	case a.Status == http.StatusTooManyRequests, a.Status == http.StatusServiceUnavailable && known:
		return failure.Throttle(after, err)
	case a.Status >= 500, a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly:
		return failure.Wrap(failure.Transient, err)
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return &connector.CredentialsError{Reason: text}
	}
	return failure.Wrap(failure.Data, err)
}

func (a *Answer) retryAfter() (after time.Duration, known bool) {
	return failure.ParseRetryAfter(a.Header.Get("Retry-After"), time.Now())
}

// RetryAfter returns how long the institution asks to wait, or 0.
func (a *Answer) RetryAfter() time.Duration {
	after, _ := a.retryAfter()
	return after
}

// Hide returns a text without the secrets of the session.
func (a *Answer) Hide(text string) string { return a.hide(text) }

const (
	maxExcerpt = 200      // bytes of an answer in an error
	maxHidden  = 64 << 10 // bytes in which secrets are looked for
)

// Excerpt returns how the answer begins, for errors.
func (a *Answer) Excerpt() string {
	return connector.Clean(a.hide(string(a.Body[:min(len(a.Body), maxHidden)])), maxExcerpt)
}

// Refuse returns an error of class Data about an answer, with its beginning.
func (a *Answer) Refuse(format string, values ...any) error {
	return a.fail(failure.Data, fmt.Sprintf(format, values...))
}

// CutOff returns an error of class Transient about an answer that ends early.
func (a *Answer) CutOff(format string, values ...any) error {
	return a.fail(failure.Transient, fmt.Sprintf(format, values...))
}

func (a *Answer) fail(class failure.Class, what string) error {
	return failure.Wrap(class, fmt.Errorf("ask %s: %s; the answer begins with %q", a.host, a.hide(what), a.Excerpt()))
}
