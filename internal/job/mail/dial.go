// Connecting to an SMTP server: encryption and logging in.

package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"bursar/internal/failure"
)

// dialTime bounds connecting and logging in.
const dialTime = time.Minute

// dial connects and logs in. It ends with the context.
func dial(ctx context.Context, c Config) (*connection, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTime, context.DeadlineExceeded)
	defer cancel()
	conn := &connection{}
	stop := func() bool { return true }
	connect := func(_ context.Context, network, address string) (net.Conn, error) {
		plain, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn.network = plain
		stop = context.AfterFunc(ctx, conn.abort)
		if c.TLS != TLSImplicit {
			return plain, nil
		}
		encrypted := tls.Client(plain, c.encryption())
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		return encrypted, nil
	}
	library, err := c.library(connect)
	if err != nil {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("%w; correct mail in bursar.yaml", err))
	}
	conn.smtp, err = library.DialToSMTPClientWithContext(ctx)
	if err == nil {
		err = conn.network.SetDeadline(time.Time{}) // the library's own
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if conn.network != nil {
			conn.abort() // the library leaves it open
		}
		return nil, withoutSecret(ended(ctx, connecting(err)), c.Password)
	}
	return conn, nil
}

// library returns the library's client of a configuration, which connects by the given function.
func (c Config) library(connect gomail.DialContextFunc) (*gomail.Client, error) {
	host, text, err := net.SplitHostPort(c.Address)
	if err != nil || host == "" {
		return nil, fmt.Errorf("address %q is not of the form host:port", c.Address)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("address %q has no valid port", c.Address)
	}
	policy, err := c.policy()
	if err != nil {
		return nil, err
	}
	options := []gomail.Option{
		gomail.WithPort(int(port)), gomail.WithTimeout(dialTime), gomail.WithDialContextFunc(connect),
		gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(c.encryption()), gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	if c.User != "" {
		options = append(options, gomail.WithUsername(c.User), gomail.WithPassword(c.Password.Reveal()),
			gomail.WithOpportunisticSMTPAuth(c.mechanisms()...))
	}
	return gomail.NewClient(host, options...)
}

func (c Config) policy() (gomail.TLSPolicy, error) {
	switch c.TLS {
	case TLSRequired:
		return gomail.TLSMandatory, nil
	case TLSImplicit:
		// The connection is encrypted when the library gets it. This is the policy in which it notices that, and then logs in with a
		// password in plain text where the server wants it so.
		return gomail.TLSOpportunistic, nil
	case TLSNone:
		return gomail.NoTLS, nil
	}
	return gomail.TLSMandatory, fmt.Errorf("tls: %q is not one of %s, %s and %s", c.TLS, TLSRequired, TLSImplicit, TLSNone)
}

// mechanisms lists the ways to log in, the best first. Without encryption, the library refuses to send a password to other machines.
func (c Config) mechanisms() []gomail.SMTPAuthType {
	list := []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1}
	if c.TLS != TLSNone {
		return append(list, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin)
	}
	return append(list, gomail.SMTPAuthCramMD5, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin)
}

func (c Config) encryption() *tls.Config {
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		host = c.Address // library refuses it
	}
	return &tls.Config{ServerName: host, RootCAs: c.Roots, MinVersion: tls.VersionTLS12}
}

// connecting gives an error of connecting its class, and says what to do where the configuration does not fit the server.
func connecting(err error) error {
	const step = "connect"
	var certificate *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		return failure.Wrap(failure.Data, fmt.Errorf("%s: %w; check the host in mail.address of bursar.yaml", step, err))
	case errors.As(err, &notTLS):
		return failure.Wrap(failure.Data, fmt.Errorf("%s: the server does not speak TLS on this port; check mail.tls in bursar.yaml: %w", step, err))
	case isWithoutTLS(err):
		return failure.Wrap(failure.Data, errors.New(step+": the server does not offer STARTTLS; set mail.tls in bursar.yaml to implicit if it encrypts from the "+
			"beginning, as on port 465, or to none for a server on this machine"))
	case isMismatch(err):
		return failure.Wrap(failure.Data, fmt.Errorf("%s: %w; check tls, user and password of mail in bursar.yaml", step, err))
	}
	return answer(step, err)
}
