// Package mailtest provides SMTP servers for tests: one with a mailbox and injected faults, and mailpit, which others wrote.
//
// It owns the servers and what they received. It guarantees that a message that a server has accepted is in its mailbox, that one
// whose connection broke after it was stored is there as well, and that no other is. It must not be used by the product.
package mailtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// Options says what a server is like.
type Options struct {
	Address  string // host:port; empty: a free port of this machine
	TLS      TLS
	User     string // empty: nobody has to log in
	Password string
	Faults   Faults
	Raw      bool // messages are kept whole, with Message.Raw
}

// TLS is how a server encrypts. It has a certificate of its own, see Server.Roots.
type TLS uint8

// The kinds of encryption.
const (
	Plain TLS = iota
	StartTLS
	Implicit
)

// Server is an SMTP server whose mailbox outlives its being stopped.
type Server struct {
	options     Options
	address     string
	certificate *tls.Certificate
	roots       *x509.CertPool
	mailbox     mailbox
	faults      injector
	connections atomic.Int64

	mu       sync.Mutex
	server   *smtp.Server // nil while it is stopped
	listener net.Listener
	stopped  chan struct{}
	serving  sync.WaitGroup
}

// New starts a server that ends with the test.
func New(tb testing.TB, o Options) *Server {
	tb.Helper()
	s, err := Start(o)
	if err != nil {
		tb.Fatalf("start SMTP server: %v", err)
	}
	tb.Cleanup(s.Stop)
	return s
}

// Start starts a server.
func Start(o Options) (*Server, error) {
	s := &Server{options: o, address: o.Address}
	if s.address == "" {
		s.address = "127.0.0.1:0"
	}
	s.faults.set(o.Faults)
	if o.TLS != Plain {
		certificate, roots, err := selfSigned()
		if err != nil {
			return nil, err
		}
		s.certificate, s.roots = certificate, roots
	}
	return s, s.Start()
}

// Start starts a stopped server again, on the same address and with its messages. It does nothing while the server runs.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return nil
	}
	listener, err := listen(s.address)
	if err != nil {
		return err
	}
	s.address, s.listener = listener.Addr().String(), listener
	s.stopped = make(chan struct{})
	stopped := s.stopped
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s.connections.Add(1)
		return s.session(c, stopped), nil
	}))
	server.Domain, server.AllowInsecureAuth = "localhost", true
	server.EnableSMTPUTF8 = true
	server.ErrorLog = log.New(io.Discard, "", 0)
	if s.certificate != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*s.certificate}, MinVersion: tls.VersionTLS12}
	}
	if s.options.TLS == Implicit {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	s.server = server
	s.serving.Go(func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, net.ErrClosed) {
			panic(fmt.Sprintf("serve SMTP: %v", err)) // a test that waits for mail would not say why
		}
	})
	return nil
}

// listen waits a while for the address of a stopped server, which an outgoing connection of another process may have for a moment.
func listen(address string) (net.Listener, error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for {
		listener, err := net.Listen("tcp", address)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return listener, err
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return nil, err
		}
	}
}

// Stop breaks all connections and stops listening.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return
	}
	close(s.stopped)
	_ = s.server.Close()   // what it cannot close is closed already
	_ = s.listener.Close() // the server may not have known of it yet
	s.serving.Wait()
	s.server = nil
}

// Address returns host:port.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// Roots returns the authority of the server's certificate; nil without encryption.
func (s *Server) Roots() *x509.CertPool { return s.roots }

// Connections returns how many connections were accepted so far.
func (s *Server) Connections() int { return int(s.connections.Load()) }

// SetFaults replaces the faults, and starts their random source again.
func (s *Server) SetFaults(f Faults) { s.faults.set(f) }
