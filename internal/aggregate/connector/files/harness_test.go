// What tests of folders share: a visit of a folder, and a delivery that records its calls.

package files

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/vault"

	"golang.org/x/crypto/ssh"
)

// client fetches from a folder.
type client struct {
	connector.Delivery // what a folder never delivers

	t           *testing.T
	settings    map[string]string
	credentials map[string]vault.Secret
	answer      string
	project     string
	folder      string
	cursor      string
	permits     atomic.Int32
	permit      func() error
	onWait      func() // between two lists
	onDocument  func(name string) error

	delivered []string
	states    int
	progress  string
	waits     int
}

// newClient returns a client of the local folder statements of a new project.
func newClient(t *testing.T) *client {
	t.Helper()
	c := &client{t: t, project: t.TempDir(), settings: map[string]string{"url": "statements"}, credentials: map[string]vault.Secret{}}
	c.folder = filepath.Join(c.project, "statements")
	if err := os.Mkdir(c.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return c
}

// reach makes the client one of a server.
func (c *client) reach(s *server) *client {
	c.settings["url"] = "sftp://" + s.address + "/drop"
	c.settings["host_key"] = ssh.FingerprintSHA256(s.hostKey.PublicKey())
	c.credentials["user"], c.credentials["password"] = vault.NewSecret(testUser), vault.NewSecret(testPassword)
	return c
}

func (c *client) Document(_ context.Context, name string, content []byte) error {
	if c.onDocument != nil {
		if err := c.onDocument(name); err != nil {
			return err
		}
	}
	c.delivered = append(c.delivered, name+"="+string(content[:min(len(content), 20)]))
	return nil
}

func (c *client) State(_ context.Context, state []byte) error {
	c.cursor = string(state)
	c.states++
	return nil
}

func (c *client) logIn(ctx context.Context) (connector.Session, error) {
	return Connector{wait: func(context.Context, time.Duration) error {
		c.waits++
		if c.onWait != nil {
			c.onWait()
		}
		return nil
	}}.LogIn(ctx, connector.Login{
		Settings: c.settings, Folder: c.project, Credentials: c.credentials, Answer: vault.NewSecret(c.answer),
		Permit: func(context.Context) error {
			c.permits.Add(1)
			if c.permit != nil {
				return c.permit()
			}
			return nil
		},
	})
}

// fetch is a visit. It begins with nothing delivered, and continues from the last state.
func (c *client) fetch(ctx context.Context) error {
	c.t.Helper()
	c.delivered, c.states, c.waits, c.progress = nil, 0, 0, ""
	s, err := c.logIn(ctx)
	if err != nil {
		return err
	}
	err = s.Fetch(ctx, connector.Request{
		Account: account, Cursor: c.cursor, Progress: func(done, total int) { c.progress = fmt.Sprintf("%d/%d", done, total) },
	}, c)
	if err := s.Close(ctx); err != nil {
		c.t.Error(err)
	}
	return err
}

// expect fetches, and compares what is delivered.
func (c *client) expect(want ...string) {
	c.t.Helper()
	if err := c.fetch(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	if !slices.Equal(c.delivered, want) {
		c.t.Fatalf("delivered %s, want %s", strings.Join(c.delivered, " "), strings.Join(want, " "))
	}
}

// put writes a file with a time in seconds.
func (c *client) put(name, content string, modified int64) {
	c.t.Helper()
	path := filepath.Join(c.folder, name)
	err := os.WriteFile(path, []byte(content), 0o600)
	if err == nil {
		err = os.Chtimes(path, time.Time{}, time.Unix(modified, 0))
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) remove(name string) {
	c.t.Helper()
	if err := os.Remove(filepath.Join(c.folder, name)); err != nil {
		c.t.Fatal(err)
	}
}

// places runs a test with a local folder, with one of the SFTP server of these tests, and with one of OpenSSH's if it is installed.
func places(t *testing.T, test func(t *testing.T, c *client)) {
	t.Helper()
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		test(t, newClient(t))
	})
	t.Run("sftp", func(t *testing.T) {
		t.Parallel()
		c := newClient(t)
		test(t, c.reach(newServer(t, c.folder).start()))
	})
	t.Run("openssh", func(t *testing.T) {
		t.Parallel()
		program, err := exec.LookPath("sftp-server")
		if err != nil {
			program, err = exec.LookPath("/usr/lib/openssh/sftp-server") // where Debian has it
		}
		if err != nil {
			t.Skip("sftp-server, the server of another maker, is not installed: apt-get install openssh-sftp-server")
		}
		c := newClient(t)
		s := newServer(t, c.folder)
		s.program = program
		c.reach(s.start())
		c.settings["url"] = "sftp://" + s.address + c.folder
		test(t, c)
	})
}
