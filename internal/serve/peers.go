// Requests between the processes of a project: one that does not own a stream forwards the events that it receives to the owner. Each side proves
// by TLS that it has the project's key.

package serve

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/failure"
	"bursar/internal/serve/access"
)

// PeerTLS returns the configuration with which processes that have the same seed, of 32 bytes, recognise each other, and nobody else.
func PeerTLS(seed []byte) (*tls.Config, error) {
	key := ed25519.NewKeyFromSeed(seed)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("create certificate of peers: %w", err)
	}
	own, _ := key.Public().(ed25519.PublicKey) // of such a key
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: crypto.PrivateKey(key)}},
		ClientAuth: tls.RequireAnyClientCert, InsecureSkipVerify: true, //nolint:gosec // VerifyConnection compares the key, which no authority needs to sign
		SessionTicketsDisabled: true, // a resumed session would carry no certificate
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) > 0 {
				if presented, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey); ok && presented.Equal(own) {
					return nil
				}
			}
			return errors.New("the other process does not have the key of this project")
		},
	}, nil
}

// newPeerServer returns the server of the requests that other processes forward for streams that this one owns.
func (s *Server) newPeerServer(serverCtx context.Context) *http.Server {
	return s.newHTTPServer(serverCtx, s.withRequestID(s.mux([]route{{"POST " + peerRoute + "{stream}/events", access.Open, func(w http.ResponseWriter, r *http.Request) error {
		_, err := s.acceptEvents(w, r, s.options.AcceptOwned)
		return err
	}, nil}})))
}

const peerRoute = "/v1/streams/"

// ServePeers serves the requests of other processes until Stop, and returns nil then.
func (s *Server) ServePeers(l net.Listener, config *tls.Config) error {
	if err := s.peerServer.Serve(tls.NewListener(l, config)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve other processes on %s: %w", l.Addr(), err)
	}
	return nil
}

// PeerClient forwards requests to the processes that own their streams. It is safe for concurrent use.
type PeerClient struct{ http *http.Client }

const (
	// maxPeerConnections bounds the connections to one other process.
	maxPeerConnections = 64
	// peerDialTimeout bounds the time to connect to another process.
	peerDialTimeout = 3 * time.Second
)

// NewPeerClient returns a client. config is that of PeerTLS.
func NewPeerClient(config *tls.Config) *PeerClient {
	return &PeerClient{&http.Client{Transport: &http.Transport{
		TLSClientConfig: config, MaxConnsPerHost: maxPeerConnections, MaxIdleConnsPerHost: maxPeerConnections, IdleConnTimeout: idleTimeout,
		DialContext: (&net.Dialer{Timeout: peerDialTimeout}).DialContext, TLSHandshakeTimeout: peerDialTimeout,
	}}}
}

// Close closes idle connections.
func (c *PeerClient) Close() { c.http.CloseIdleConnections() }

// Accept sends a request to the process at an address. After an error that is retryable the request may have been accepted; it may be sent again.
func (c *PeerClient) Accept(ctx context.Context, address, stream string, r live.Request) (answer answers.Answer, err error) {
	target := "https://" + address + peerRoute + url.PathEscape(stream) + "/events"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(r.Body))
	if err != nil {
		return answer, err
	}
	if r.Key != "" {
		request.Header.Set("Idempotency-Key", r.Key)
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := c.http.Do(request)
	if err != nil {
		return answer, &UnreachableError{stream, err}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return answer, peerError(response)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxPeerAnswer)).Decode(&answer); err != nil {
		return answer, failure.Wrap(failure.Transient, fmt.Errorf("read the answer of the owner of stream %s: %w", stream, err))
	}
	return answer, nil
}

// UnreachableError says that the process that owns a stream does not answer. Its text does not contain the cause, which names the address of
// that process: senders of events do not learn it.
type UnreachableError struct {
	Stream string
	Cause  error
}

func (e *UnreachableError) Error() string {
	return "the process that owns stream " + e.Stream + " does not answer"
}

// Class is Transient: another process becomes the owner.
func (e *UnreachableError) Class() failure.Class { return failure.Transient }

func (e *UnreachableError) Unwrap() error { return e.Cause }

// maxPeerAnswer bounds the answer of another process in bytes: rejected rows are listed up to a limit, each with texts of a row.
const maxPeerAnswer = 64 << 20

// peerError returns the error that another process has answered with.
func peerError(response *http.Response) error {
	if response.StatusCode == errKeyReused.status {
		return answers.ErrKeyReused
	}
	err := responseError(response)
	switch seconds, failed := strconv.Atoi(response.Header.Get("Retry-After")); {
	case response.StatusCode == http.StatusTooManyRequests && failed == nil: // also a refusal, such as of a body for which there is no memory
		return failure.Throttle(time.Duration(seconds)*time.Second, err)
	case response.StatusCode == http.StatusRequestTimeout:
		return failure.Wrap(failure.Transient, err)
	}
	return err
}
