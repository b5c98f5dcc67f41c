// Package web sends the requests of connectors over HTTPS. It owns how requests are limited, how answers are bounded, and which class an answer or
// a failed request has. It sends nothing in plain text, follows no redirect to another host, and prints no address or secret (rule 8). It must not
// know what answers mean.
package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
)

// Options are what the clients of an institution differ in.
type Options struct {
	RootCA    []byte                          // PEM: the authorities that are trusted, instead of the system's
	Timeout   time.Duration                   // of a request with its answer, from its permit on; 0: 30 s
	Permit    func(ctx context.Context) error // waits until a request may be sent; its error is returned unchanged
	OnRequest func()                          // is called before each request that is sent
}

const (
	defaultTimeout = 30 * time.Second
	mostRedirects  = 5
	maxHeader      = 1 << 20 // bytes of the header of an answer
	idlePerHost    = 16      // connections that are kept for the next session at an institution
)

// NewClient returns a client for the sessions at an institution. It is safe for concurrent use, and reuses connections. An error says that RootCA
// contains no certificate; its class is Data.
func NewClient(o Options) (*http.Client, error) {
	base := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        time.Minute,
		TLSHandshakeTimeout:    10 * time.Second,
	}
	if len(o.RootCA) > 0 {
		base.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !base.TLSClientConfig.RootCAs.AppendCertsFromPEM(o.RootCA) {
			return nil, failure.Wrap(failure.Data, errors.New("the certificate of the institution's authority is not valid PEM"))
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	return &http.Client{Transport: &transport{base, o}, CheckRedirect: checkRedirect}, nil
}

// checkRedirect allows only what shows the credentials to nobody else and sends no request in another form.
func checkRedirect(next *http.Request, earlier []*http.Request) error {
	first := earlier[0]
	switch {
	case len(earlier) > mostRedirects:
		return failure.Wrap(failure.Data, fmt.Errorf("it redirects more than %d times", mostRedirects))
	case first.Method != http.MethodGet, next.URL.Host != first.URL.Host, next.URL.Scheme != "https":
		return failure.Wrap(failure.Data, errors.New("it redirects the request elsewhere, which is not followed; correct the institution's url"))
	}
	return nil
}

// transport asks for a permit before each request, and bounds its time and the size of its answer.
type transport struct {
	base http.RoundTripper
	Options
}

// RoundTrip implements http.RoundTripper. The wait for the permit does not count as time of the request.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.admit(r); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // it was not read
		}
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), t.Timeout)
	r = r.Clone(ctx)
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "bursar")
	}
	answer, err := t.base.RoundTrip(r)
	if err != nil {
		cancel()
		return nil, t.withTimeout(ctx, err)
	}
	answer.Body = &body{answer.Body, connector.MaxBody, func(err error) error { return t.withTimeout(ctx, err) }, cancel}
	return answer, nil
}

func (t *transport) admit(r *http.Request) error {
	if r.URL.Scheme != "https" {
		return failure.Wrap(failure.Data, errors.New("the address does not begin with https://, so that others could read the credentials"))
	}
	if t.Permit != nil {
		if err := t.Permit(r.Context()); err != nil {
			return &permitError{err}
		}
	}
	if t.OnRequest != nil {
		t.OnRequest()
	}
	return nil
}

// withTimeout names the time that has passed.
func (t *transport) withTimeout(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no complete answer within %s: %w", t.Timeout, context.DeadlineExceeded)
	}
	return err
}

// permitError is an error of Options.Permit, to be found among those of net/http.
type permitError struct{ error }

func (e *permitError) Unwrap() error { return e.error }

// body is the body of an answer, up to MaxBody.
type body struct {
	io.ReadCloser
	left   int
	named  func(error) error
	cancel context.CancelFunc
}

func (b *body) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if n > b.left {
		return b.left, failure.Wrap(failure.Data, fmt.Errorf("the answer is longer than %d bytes", connector.MaxBody))
	}
	b.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.named(err)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
