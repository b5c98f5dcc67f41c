// Why a cluster cannot be reached: a connection of its own finds the cause, which gRPC reports as a text that depends on versions and
// timing.

package temporal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"bursar/internal/failure"
)

// probeTimeout bounds one connection.
const probeTimeout = 5 * time.Second

// preface is what a client of HTTP/2 sends first: the magic text and empty settings. The server answers with its settings.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// frameHeader is the size of the header of a frame in HTTP/2, whose fourth byte is the type; settingsFrame is that of settings.
const frameHeader, settingsFrame = 9, 4

// diagnose connects to the server and returns what is wrong; nil if it finds nothing. An error that is Transient may pass.
func diagnose(ctx context.Context, o *Options) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := connect(ctx, o.Address)
	if err != nil {
		return unreachable(err)
	}
	defer conn.Close()
	if o.TLS == nil {
		if err := exchange(conn); err != nil && speaksTLS(ctx, o.Address) {
			return failure.Wrap(failure.Data, errors.New("the server requires TLS: add `tls: {}` to temporal, and the keys that its operator names"))
		} else if err != nil {
			return failure.Wrap(failure.Transient, fmt.Errorf("the connection breaks (%w): %s", err, otherService))
		}
		return nil
	}
	secure := tls.Client(conn, withServerName(o.TLS, o.Address))
	if err := secure.HandshakeContext(ctx); err != nil {
		return refusedTLS(o, err)
	}
	// With TLS 1.3 a server says that it refuses the client's certificate when the handshake is over for the client.
	if err := exchange(secure); err != nil {
		return refusedTLS(o, err)
	}
	return nil
}

// otherService is the next step for a server that breaks connections.
const otherService = "wait if the server is starting; if it is not Temporal's, correct temporal.address"

func connect(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	return conn, conn.SetDeadline(deadline)
}

// withServerName returns a configuration as gRPC uses it.
func withServerName(config *tls.Config, address string) *tls.Config {
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	return config
}

var errNotHTTP2 = errors.New("the answer is not HTTP/2")

// exchange sends the preface and reads the header of the server's first frame.
func exchange(conn net.Conn) error {
	if _, err := io.WriteString(conn, preface); err != nil {
		return err
	}
	var header [frameHeader]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return err
	}
	if header[3] != settingsFrame {
		return errNotHTTP2
	}
	return nil
}

// speaksTLS reports whether a server answers the beginning of a TLS handshake, whatever its certificate.
func speaksTLS(ctx context.Context, address string) bool {
	conn, err := connect(ctx, address)
	if err != nil {
		return false
	}
	defer conn.Close()
	answered := false
	config := &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // nothing is sent: the answer only shows that the server speaks TLS
		VerifyConnection:   func(tls.ConnectionState) error { answered = true; return nil },
	}
	err = tls.Client(conn, config).HandshakeContext(ctx)
	return answered || err == nil || isAlert(err)
}

// isAlert reports whether the other side ended a TLS connection with a reason.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// unreachable describes why there is no connection, without the address.
func unreachable(err error) error {
	var name *net.DNSError
	if errors.As(err, &name) {
		if name.IsNotFound {
			return failure.Wrap(failure.Data, errors.New("there is no host of this name: correct temporal.address"))
		}
		return failure.Wrap(failure.Transient, fmt.Errorf("the name of the host cannot be looked up (%s): check the network", name.Err))
	}
	var address *net.AddrError
	if errors.As(err, &address) {
		return failure.Wrap(failure.Data, errors.New("the address is not valid: write host:port in temporal.address"))
	}
	cause := "it does not answer"
	var number syscall.Errno
	if errors.As(err, &number) {
		cause = number.Error()
	}
	return failure.Wrap(failure.Transient, fmt.Errorf("the server cannot be reached (%s): start it, or correct temporal.address", cause))
}

// refusedTLS describes why there is no TLS connection.
func refusedTLS(o *Options, err error) error {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		err = fmt.Errorf("the certificate of the server %s: replace it, or correct the clock of this machine", period(invalid.Cert))
	case errors.As(err, &host):
		err = fmt.Errorf("the certificate of the server is for %s, not for %s: set temporal.tls.server_name to a name in it", names(host.Certificate), host.Host)
	case errors.As(err, &authority):
		err = errors.New("the certificate of the server is signed by an authority that is not trusted: set temporal.tls.ca to the certificate of that authority")
	case errors.As(err, &record):
		err = errors.New("the server does not use TLS on this port: remove temporal.tls, or correct temporal.address")
	case isAlert(err):
		return refusedClient(o, err)
	case errors.As(err, &invalid):
		err = fmt.Errorf("the certificate of the server is not valid: %w", invalid)
	default:
		return failure.Wrap(failure.Transient, fmt.Errorf("the TLS connection breaks (%w): %s", err, otherService))
	}
	return failure.Wrap(failure.Data, err)
}

// refusedClient describes the alert of a server that refuses the client's certificate, or that there is none.
func refusedClient(o *Options, err error) error {
	reason := strings.TrimPrefix(errors.Unwrap(asOp(err)).Error(), "tls: ")
	if len(o.TLS.Certificates) == 0 {
		return failure.Wrap(failure.Data, fmt.Errorf("the server refuses the TLS connection (%s): if it requires a certificate, set temporal.tls.cert and temporal.tls.key", reason))
	}
	own := o.TLS.Certificates[0].Leaf
	if now := time.Now(); own != nil && (now.After(own.NotAfter) || now.Before(own.NotBefore)) {
		return failure.Wrap(failure.Data, fmt.Errorf("the certificate in temporal.tls.cert %s: replace it, or correct the clock of this machine", period(own)))
	}
	return failure.Wrap(failure.Data, fmt.Errorf("the server refuses the certificate in temporal.tls.cert (%s): use one that is signed by an authority of the server", reason))
}

func asOp(err error) *net.OpError {
	var op *net.OpError
	errors.As(err, &op)
	return op
}

// period says that a certificate is not valid any more, or not yet.
func period(c *x509.Certificate) string {
	if time.Now().Before(c.NotBefore) {
		return "is not valid before " + c.NotBefore.UTC().Format(time.RFC3339)
	}
	return "expired at " + c.NotAfter.UTC().Format(time.RFC3339)
}

// names lists the hosts that a certificate is for.
func names(c *x509.Certificate) string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no host"
	}
	return strings.Join(all, ", ")
}
