// Logging in: TLS, and a password that is never sent (SCRAM-SHA-256).

package wire

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"
)

// Database is the name of the database that clients connect to.
const Database = "warehouse"

const (
	mechanism        = "SCRAM-SHA-256"
	boundMechanism   = "SCRAM-SHA-256-PLUS" // bound to the certificate: nobody between the two can pass the login on
	scramIterations  = 4096
	maxLoginBytes    = 8 << 10
	maxStartMessages = 3 // GSS, TLS, and the start itself
)

// loginKeys are what a login is checked with. A client with another user name than that of the options is checked with a password that
// nobody knows, so that it learns nothing about names.
type loginKeys struct {
	valid, unknown scram.StoredCredentials
	binding        scram.ChannelBinding
}

func newLoginKeys(o Options) (*loginKeys, error) {
	if o.User == "" || o.Password == "" {
		return nil, errors.New("serve the warehouse: a user and a password are needed")
	}
	valid, err := credentials(o.User, o.Password)
	if err != nil {
		return nil, fmt.Errorf("serve the warehouse: the password cannot be used: it has characters that are not allowed")
	}
	unknown, err := credentials("", rand.Text())
	if err != nil {
		return nil, err
	}
	k := &loginKeys{valid: valid, unknown: unknown}
	if o.TLS != nil {
		k.binding, err = bindingOf(o.TLS)
	}
	return k, err
}

func credentials(user, password string) (scram.StoredCredentials, error) {
	client, err := scram.SHA256.NewClient(user, password, "")
	if err != nil {
		return scram.StoredCredentials{}, err
	}
	return client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: rand.Text(), Iters: scramIterations})
}

// bindingOf returns what binds a login to the certificate. For a certificate of a kind that has none, logins are not bound.
func bindingOf(config *tls.Config) (scram.ChannelBinding, error) {
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		return scram.ChannelBinding{}, fmt.Errorf("serve the warehouse: read certificate: %w", err)
	}
	binding, err := scram.NewTLSServerEndpointBinding(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}})
	if err != nil {
		return scram.ChannelBinding{}, nil //nolint:nilerr // as libpq does
	}
	return binding, nil
}

// logIn returns the session of a client that has logged in; nil if the connection was for something else.
func (s *Server) logIn(conn net.Conn) (*session, error) {
	if err := conn.SetDeadline(time.Now().Add(s.o.loginTimeout)); err != nil {
		return nil, err
	}
	c := newSession(s, conn)
	start, err := c.start()
	if start == nil || err != nil {
		return nil, err
	}
	if err := c.checkStart(start); err != nil {
		return nil, err
	}
	if err := c.authenticate(start.Parameters["user"]); err != nil {
		return nil, err
	}
	if name := start.Parameters["database"]; name != "" && name != Database && name != s.o.User {
		return nil, c.fail(&sqlError{code: "3D000", message: fmt.Sprintf("database %q does not exist", brief(name)), hint: "the database is " + Database, fatal: true})
	}
	c.application = start.Parameters["application_name"]
	return c, conn.SetDeadline(time.Time{})
}

// start reads the messages before the login. It returns nil after one that cancels a statement.
func (c *session) start() (*pgproto3.StartupMessage, error) {
	for range maxStartMessages {
		message, err := c.in.ReceiveStartupMessage()
		if err != nil {
			return nil, err
		}
		switch m := message.(type) {
		case *pgproto3.StartupMessage:
			return m, nil
		case *pgproto3.CancelRequest:
			c.server.cancelStatement(m.ProcessID, m.SecretKey)
			return nil, nil
		case *pgproto3.SSLRequest:
			err = c.startTLS()
		default: // encryption by Kerberos
			_, err = c.conn.Write([]byte{'N'})
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errors.New("too many messages before the login")
}

// startTLS answers whether there is TLS, and starts it. What a client has sent before is not read.
func (c *session) startTLS() error {
	if c.server.o.TLS == nil || c.secure {
		_, err := c.conn.Write([]byte{'N'})
		return err
	}
	if _, err := c.conn.Write([]byte{'S'}); err != nil {
		return err
	}
	secure := tls.Server(c.conn, c.server.o.TLS)
	if err := secure.Handshake(); err != nil {
		return err
	}
	c.use(secure)
	c.secure = true
	return nil
}

func (c *session) checkStart(start *pgproto3.StartupMessage) error {
	var unknown []string
	for name := range start.Parameters {
		if strings.HasPrefix(name, "_pq_.") {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		c.send(&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: start.ProtocolVersion & 0xffff, UnrecognizedOptions: unknown})
	}
	switch {
	case c.server.o.TLS != nil && !c.secure:
		return c.fail(&sqlError{code: codeNotAuthorized, message: "a connection without TLS is refused", hint: "connect with sslmode=require", fatal: true})
	case start.Parameters["replication"] != "" && start.Parameters["replication"] != "false":
		return c.fail(&sqlError{code: codeNotSupported, message: "replication is not supported", fatal: true})
	}
	return nil
}

// authenticate checks the password. The answer to a wrong one is delayed.
func (c *session) authenticate(user string) error {
	err := c.exchange(user)
	var network net.Error
	switch {
	case err == nil:
		c.send(&pgproto3.AuthenticationOk{})
		return nil
	case errors.As(err, &network), !errors.Is(err, errLogin):
		return err
	}
	c.server.o.Log.Warn("a login to the warehouse has failed", "user", brief(user), "from", c.conn.RemoteAddr().String())
	timer := time.NewTimer(c.server.o.loginDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.server.ctx.Done():
	}
	return c.fail(&sqlError{code: codeWrongPassword, message: fmt.Sprintf("password authentication failed for user %q", brief(user)), fatal: true})
}

// errLogin is about a password or user that is wrong.
var errLogin = errors.New("the login is not valid")

// exchange is the conversation of SCRAM.
func (c *session) exchange(user string) error {
	keys := c.server.login
	c.in.SetMaxBodyLen(maxLoginBytes)
	mechanisms := []string{mechanism}
	if c.secure && keys.binding.IsSupported() {
		mechanisms = []string{boundMechanism, mechanism}
	}
	c.send(&pgproto3.AuthenticationSASL{AuthMechanisms: mechanisms})
	first, err := receiveLogin[*pgproto3.SASLInitialResponse](c, pgproto3.AuthTypeSASL)
	if err != nil {
		return err
	}
	conversation, err := c.conversation(user, first.AuthMechanism, len(mechanisms) > 1)
	if err != nil {
		return err
	}
	answer, err := conversation.Step(string(bytes.Clone(first.Data)))
	if err != nil {
		return errors.Join(errLogin, err)
	}
	c.send(&pgproto3.AuthenticationSASLContinue{Data: []byte(answer)})
	last, err := receiveLogin[*pgproto3.SASLResponse](c, pgproto3.AuthTypeSASLContinue)
	if err != nil {
		return err
	}
	answer, err = conversation.Step(string(bytes.Clone(last.Data)))
	if err != nil || !conversation.Valid() {
		return errors.Join(errLogin, err)
	}
	c.send(&pgproto3.AuthenticationSASLFinal{Data: []byte(answer)})
	return nil
}

// receiveLogin sends what was written, and receives the answer.
func receiveLogin[M pgproto3.FrontendMessage](c *session, kind uint32) (m M, err error) {
	if err := c.flush(); err != nil {
		return m, err
	}
	if err := c.in.SetAuthType(kind); err != nil {
		return m, err
	}
	message, err := c.in.Receive()
	if err != nil {
		return m, err
	}
	m, ok := message.(M)
	if !ok {
		return m, c.fail(&sqlError{code: codeProtocol, message: "a message of the login was expected", fatal: true})
	}
	return m, nil
}

func (c *session) conversation(user, chosen string, isBound bool) (*scram.ServerConversation, error) {
	keys := c.server.login
	found := keys.unknown
	if user == c.server.o.User {
		found = keys.valid
	}
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return found, nil })
	switch {
	case err != nil:
		return nil, err
	case chosen == boundMechanism && isBound:
		return server.NewConversationWithChannelBindingRequired(keys.binding), nil
	case chosen == mechanism && isBound:
		return server.NewConversationWithChannelBinding(keys.binding), nil
	case chosen == mechanism:
		return server.NewConversation(), nil
	}
	return nil, c.fail(&sqlError{code: codeProtocol, message: fmt.Sprintf("the mechanism %q is not offered", brief(chosen)), fatal: true})
}
