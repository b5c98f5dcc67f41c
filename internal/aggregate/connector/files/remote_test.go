// Tests of SFTP servers: who they are, whom they let in, and how they fail.

package files

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
	"bursar/internal/vault"

	"golang.org/x/crypto/ssh"
)

// TestPermits: a permit is asked for before the connection, each list and each file, and an error of it ends the session.
func TestPermits(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	s := newServer(t, c.folder).start()
	c.reach(s)
	c.put("a", "first", 1000)
	c.put("b", "second", 2000)
	c.expect("a=first", "b=second")
	if got, sent := c.permits.Load(), s.requests.Load(); got != sent+1 || got != 5 {
		t.Errorf("%d permits, %d requests and the connection", got, sent)
	}
	refused := errors.New("no permit")
	for allowed := range 5 {
		c.cursor = ""
		c.permits.Store(0)
		s.requests.Store(0)
		c.permit = func() error {
			if int(c.permits.Load()) > allowed {
				return refused
			}
			return nil
		}
		if err := c.fetch(t.Context()); !errors.Is(err, refused) || int(s.requests.Load()) != max(allowed-1, 0) {
			t.Errorf("%d permits: got %v after %d requests", allowed, err, s.requests.Load())
		}
	}
	c.permit = nil
	local := newClient(t)
	if local.expect(); local.permits.Load() != 0 {
		t.Errorf("a local folder asks for %d permits", local.permits.Load())
	}
}

func TestHostKeys(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.put("a", "first", 1000)
	s := newServer(t, c.folder).start()
	c.reach(s)
	key := string(ssh.MarshalAuthorizedKey(s.hostKey.PublicKey()))
	other, _ := newKey(t)
	for declared, want := range map[string]string{
		ssh.FingerprintSHA256(s.hostKey.PublicKey()): "", key: "", strings.TrimSpace(key) + " comment": "",
		ssh.FingerprintSHA256(other.PublicKey()):            "its key (ssh-ed25519) has the fingerprint " + ssh.FingerprintSHA256(s.hostKey.PublicKey()),
		string(ssh.MarshalAuthorizedKey(other.PublicKey())): "which is not the declared one",
		key + key:             "expected one fingerprint",
		"ssh-ed25519 AAAA":    "expected one fingerprint",
		"SHA256:":             "which is not the declared one",
		"ssh-rsa " + key[12:]: "expected one fingerprint",
	} {
		c.settings["host_key"] = declared
		s.passwords.Store(0)
		err := c.fetch(t.Context())
		if want == "" && err == nil {
			continue
		}
		if want == "" || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), want) || s.passwords.Load() != 0 {
			t.Errorf("%s: got %v, want %q; %d passwords were sent", declared, err, want, s.passwords.Load())
		}
	}
}

// TestWrongCredentials: a wrong password is sent once, also to a server that would ask for it twice, and is in no error.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	s := newServer(t, c.folder)
	s.config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		if _, err := ask("", "", []string{"Password: "}, []bool{false}); err != nil {
			return nil, err
		}
		s.passwords.Add(1)
		return nil, errors.New("the password is wrong")
	}
	c.reach(s.start())
	c.credentials["password"] = vault.NewSecret("canary")
	err := c.fetch(t.Context())
	var rejected *connector.CredentialsError
	if !errors.As(err, &rejected) || strings.Contains(err.Error(), "canary") || s.passwords.Load() != 1 {
		t.Errorf("got %v after %d passwords", err, s.passwords.Load())
	}
}

// TestQuestions: a server that asks for a code after the password gets the answer of a person.
func TestQuestions(t *testing.T) {
	t.Parallel()
	code := func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		answers, err := ask("", "", []string{"Code of the token: "}, []bool{true})
		if err != nil || answers[0] != "123456" {
			return nil, errors.New("the code is wrong")
		}
		return nil, nil
	}
	inDialogue := func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		answers, err := ask("", "", []string{"Password: "}, []bool{false})
		if err != nil || answers[0] != testPassword {
			return nil, errors.New("the password is wrong")
		}
		return code(nil, ask)
	}
	for name, configure := range map[string]func(s *ssh.ServerConfig){
		"dialogue": func(s *ssh.ServerConfig) { s.PasswordCallback, s.KeyboardInteractiveCallback = nil, inDialogue },
		"second": func(s *ssh.ServerConfig) {
			s.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
				if string(password) != testPassword {
					return nil, errors.New("the password is wrong")
				}
				return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{KeyboardInteractiveCallback: code}}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			c.put("a", "first", 1000)
			s := newServer(t, c.folder)
			configure(&s.config)
			c.reach(s.start())
			var asked *connector.QuestionError
			if err := c.fetch(t.Context()); !errors.As(err, &asked) || asked.Question != "Code of the token: " {
				t.Errorf("got %v", err)
			}
			c.answer = "654321"
			var rejected *connector.CredentialsError
			if err := c.fetch(t.Context()); !errors.As(err, &rejected) && !errors.As(err, &asked) {
				t.Errorf("got %v", err)
			}
			c.answer = "123456"
			c.expect("a=first")
		})
	}
}

func TestPrivateKeys(t *testing.T) {
	t.Parallel()
	signer, private := newKey(t)
	plain, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t)
	c.put("a", "first", 1000)
	s := newServer(t, c.folder)
	s.config.PasswordCallback = nil
	s.config.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), signer.PublicKey().Marshal()) {
			return nil, errors.New("the key is not known")
		}
		return nil, nil
	}
	c.reach(s.start())
	for _, test := range []struct{ key, passphrase, want string }{
		{string(pem.EncodeToMemory(plain)), "", ""},
		{strings.TrimSpace(string(pem.EncodeToMemory(plain))), "not needed", ""},
		{string(pem.EncodeToMemory(encrypted)), "passphrase", ""},
		{string(pem.EncodeToMemory(encrypted)), "", "set the credential passphrase"},
		{string(pem.EncodeToMemory(encrypted)), "canary", "it does not open private_key"},
		{"canary", "", "it is not a private key"},
		{"", "", "needs the credentials user, and password or private_key"},
	} {
		c.credentials = map[string]vault.Secret{
			"user": vault.NewSecret(testUser), "private_key": vault.NewSecret(test.key), "passphrase": vault.NewSecret(test.passphrase),
		}
		err := c.fetch(t.Context())
		if test.want == "" && err == nil {
			continue
		}
		if test.want == "" || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%.40s: got %v, want %q", test.key, err, test.want)
		}
	}
	unknown, err := ssh.MarshalPrivateKey(func() any { _, other := newKey(t); return other }(), "")
	if err != nil {
		t.Fatal(err)
	}
	c.credentials["private_key"] = vault.NewSecret(string(pem.EncodeToMemory(unknown)))
	var rejected *connector.CredentialsError
	if err := c.fetch(t.Context()); !errors.As(err, &rejected) {
		t.Errorf("got %v", err)
	}
	c.credentials["token"] = vault.NewSecret("x")
	if err := c.fetch(t.Context()); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "there is no credential token") {
		t.Errorf("got %v", err)
	}
}

// TestBrokenServers: what is not an SFTP server is an error of class Data, and one that ends the connection one of class Transient.
func TestBrokenServers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		class failure.Class
		serve func(conn net.Conn)
	}{
		{"closed", failure.Transient, func(net.Conn) {}},
		{"cut", failure.Transient, func(conn net.Conn) { _, _ = conn.Write([]byte("SSH-2.0-x\r\n\x00\x00")) }},
		{"other", failure.Data, func(conn net.Conn) {
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n" + strings.Repeat("x", 1<<20)))
			_, _ = conn.Read(make([]byte, 1))
		}},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				test.serve(conn)
				_ = conn.Close()
			}
		}()
		c := newClient(t)
		s := newServer(t, c.folder)
		s.address = l.Addr().String()
		err = c.reach(s).fetch(t.Context())
		if err == nil || failure.Of(err) != test.class || !strings.Contains(err.Error(), "connect to "+s.address) {
			t.Errorf("%s: got %v, %v", test.name, failure.Of(err), err)
		}
		_ = l.Close()
		if err := c.fetch(t.Context()); failure.Of(err) != failure.Transient {
			t.Errorf("nobody listens: got %v", err)
		}
	}
}

// TestCut: a connection that ends while a file is read is Transient, and the file is not delivered.
func TestCut(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.put("a", "first", 1000)
	c.put("b", strings.Repeat("x", 1<<20), 2000)
	s := newServer(t, c.folder)
	s.onRead = func(name string) error {
		if name == "b" {
			s.cut()
		}
		return nil
	}
	c.reach(s.start())
	if err := c.fetch(t.Context()); failure.Of(err) != failure.Transient || len(c.delivered) != 1 || c.states != 0 {
		t.Errorf("got %v, %v", err, c.delivered)
	}
}

// TestHangs: a server that does not answer is not waited for when the context ends, or too much time has passed.
func TestHangs(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.put("a", "first", 1000)
	release := make(chan struct{})
	s := newServer(t, c.folder)
	reading := make(chan struct{}, 2)
	s.onRead = func(string) error { reading <- struct{}{}; <-release; return nil }
	c.reach(s.start())
	t.Cleanup(func() { close(release) }) // before the server waits
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reading; cancel() }()
	if err := c.fetch(ctx); failure.Of(err) != failure.Transient || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	opened, err := c.logIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	opened.(*session).folder.(*remote).timeout = 500 * time.Millisecond //nolint:errcheck,forcetypeassert // it is one
	err = opened.Fetch(t.Context(), connector.Request{Account: account}, c)
	if failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "the server did not answer within 500ms") {
		t.Errorf("got %v", err)
	}
	if err := opened.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// entry is a file that a server claims to have.
type entry struct {
	name string
	size int64
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return e.size }
func (e entry) Mode() fs.FileMode  { return 0o600 }
func (e entry) ModTime() time.Time { return time.Unix(1000, 0) }
func (e entry) IsDir() bool        { return false }
func (e entry) Sys() any           { return nil }

// TestEndlessList: a list without end is an error of class Data.
func TestEndlessList(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it encrypts 80 MiB")
	}
	c := newClient(t)
	s := newServer(t, c.folder)
	s.onList = func(offset int) (infos []os.FileInfo, err error) {
		for i := range 100 {
			infos = append(infos, entry{fmt.Sprintf("%0250d", offset+i), 1})
		}
		return infos, nil
	}
	c.reach(s.start())
	if err := c.fetch(t.Context()); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "the server sends more than 83886080 bytes for one request") {
		t.Errorf("got %v", err)
	}
}

// TestNamesOfServers: names that would leave the folder are not read, and a file that is shorter than its server says is not delivered.
func TestNamesOfServers(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.put("a", "short", 1000)
	s := newServer(t, c.folder)
	s.onList = func(offset int) ([]os.FileInfo, error) {
		if offset > 0 {
			return nil, io.EOF
		}
		return []os.FileInfo{entry{"a", 6}, entry{"../../etc/passwd", 5}, entry{"x\x00y", 5}}, nil
	}
	c.reach(s.start())
	err := c.fetch(t.Context())
	if failure.Of(err) != failure.Data || !strings.Contains(err.Error(), `"x\x00y": its name is not that of a file`) || len(c.delivered) > 0 {
		t.Errorf("got %v, %v", err, c.delivered)
	}
}
