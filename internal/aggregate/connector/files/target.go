// How a server is reached: its address, its key, and the credentials.

package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

const (
	connectTimeout = 30 * time.Second
	fingerprint    = "SHA256:"
)

// target is a server and whom it is for.
type target struct {
	address string
	folder  string
	config  ssh.ClientConfig
	proof   *proof
	refused error // of the key of the server
}

// parseTarget checks settings and credentials.
func parseTarget(l *connector.Login) (*target, error) {
	u, err := url.Parse(l.Settings["url"])
	switch {
	case err != nil:
		return nil, badf("setting url: it is not a valid URL") // the cause may repeat a password
	case u.Scheme != "sftp" || u.Hostname() == "":
		return nil, badf("setting url: expected a folder, or sftp://host/path")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, badf("setting url: only the host, the port and the path belong there; user and password are credentials")
	}
	t := &target{address: net.JoinHostPort(u.Hostname(), u.Port()), folder: u.Path}
	if u.Port() == "" {
		t.address = net.JoinHostPort(u.Hostname(), "22")
	}
	if inHome, is := strings.CutPrefix(u.Path, "/~/"); is {
		t.folder = inHome
	}
	if t.folder == "" {
		t.folder = "."
	}
	if err := t.setHostKey(l.Settings["host_key"]); err != nil {
		return nil, err
	}
	if err := t.setCredentials(l); err != nil {
		return nil, err
	}
	return t, nil
}

// setHostKey sets the only key that is accepted.
func (t *target) setHostKey(declared string) error {
	declared = strings.TrimSpace(declared)
	if declared == "" {
		return badf("set host_key to the key of %s, or to its fingerprint, as the institution publishes it", t.address)
	}
	accepts := func(key ssh.PublicKey) bool { return ssh.FingerprintSHA256(key) == declared }
	if !strings.HasPrefix(declared, fingerprint) {
		want, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(declared))
		if err != nil || len(bytes.TrimSpace(rest)) > 0 {
			return badf(`setting host_key: expected one fingerprint, as in SHA256:…, or one key, as in "ssh-ed25519 AAAA…"`)
		}
		accepts = func(key ssh.PublicKey) bool { return bytes.Equal(key.Marshal(), want.Marshal()) }
		t.config.HostKeyAlgorithms = []string{want.Type()} // a server with several keys shows this one
		if want.Type() == ssh.KeyAlgoRSA {
			t.config.HostKeyAlgorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
	}
	t.config.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if !accepts(key) {
			t.refused = badf("connect to %s: its key (%s) has the fingerprint %s, which is not the declared one: it may be another server; ask the institution before you change host_key",
				t.address, key.Type(), ssh.FingerprintSHA256(key))
		}
		return t.refused
	}
	return nil
}

// connect connects and logs in, until the context ends.
func (t *target) connect(ctx context.Context) (*boundedConn, *sftp.Client, error) {
	opened, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, nil, err
	}
	conn := &boundedConn{Conn: opened}
	conn.left.Store(maxAnswer)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c, channels, requests, err := ssh.NewClientConn(conn, t.address, &t.config)
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	client, err := sftp.NewClient(ssh.NewClient(c, channels, requests))
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return conn, client, nil
}

// explain returns the error of a connection that could not be made.
func (t *target) explain(ctx context.Context, err error) error {
	switch {
	case t.refused != nil:
		return t.refused
	case t.proof.question != "":
		return &connector.QuestionError{Question: strings.ToValidUTF8(t.proof.question, "")}
	case errors.Is(err, errUnanswered), strings.Contains(err.Error(), "ssh: unable to authenticate"): // the latter has no type
		return &connector.CredentialsError{Reason: err.Error()}
	case ctx.Err() != nil:
		err = failure.Wrap(failure.Transient, context.Cause(ctx))
	case isPassing(err):
		err = failure.Wrap(failure.Transient, err)
	default:
		err = failure.Wrap(failure.Data, err)
	}
	return fmt.Errorf("connect to %s: %w", t.address, err)
}
