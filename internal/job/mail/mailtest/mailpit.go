// Mailpit, a mail server with a mailbox that others wrote, for tests.

package mailtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Mailpit is a running mailpit. It keeps any number of messages, and takes any user and password.
type Mailpit struct {
	SMTP string // host:port
	HTTP string // the URL of its API

	args    []string
	process *exec.Cmd
	exited  chan struct{}
	output  bytes.Buffer
}

// SearchURL is the template of the URL that finds a message.
func (m *Mailpit) SearchURL() string { return m.HTTP + "/api/v1/search?query=message-id:{id}" }

// NewMailpit starts the mailpit that .tools/servers/go.mod pins, and stops it with the test. It skips the test if mailpit cannot be
// built, which needs the network once. Further arguments are passed on, as --smtp-tls-cert.
func NewMailpit(tb testing.TB, args ...string) *Mailpit {
	tb.Helper()
	path, err := mailpit()
	if err != nil {
		tb.Skipf("mailpit, the mail server of tests, cannot be built: %v", err)
	}
	const attempts = 3 // a port that was free may be taken before the server has it
	for range attempts {
		var m *Mailpit
		if m, err = startMailpit(path, tb.TempDir(), args); err == nil {
			tb.Cleanup(m.Stop)
			return m
		}
	}
	tb.Fatalf("start mailpit: %v", err)
	return nil
}

// mailpit returns the path of the program, which the go command builds once for each machine and keeps in its cache.
var mailpit = sync.OnceValues(func() (string, error) {
	module, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	build := exec.Command("go", "tool", "-n", "mailpit")
	build.Dir = filepath.Join(filepath.Dir(string(module)), ".tools", "servers")
	var fault strings.Builder
	build.Stderr = &fault
	path, err := build.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, fault.String())
	}
	return strings.TrimSpace(string(path)), nil
})

func startMailpit(path, dir string, args []string) (*Mailpit, error) {
	mail, err := freeAddress()
	if err != nil {
		return nil, err
	}
	web, err := freeAddress()
	if err != nil {
		return nil, err
	}
	m := &Mailpit{SMTP: mail, HTTP: "http://" + web}
	m.args = append([]string{
		path, "--smtp", mail, "--listen", web, "--database", filepath.Join(dir, "mailpit.db"),
		"--max", "0", "--disable-version-check", "--enable-chaos", "--smtp-auth-accept-any", "--smtp-auth-allow-insecure",
	}, args...)
	return m, m.Start()
}

// Start starts a stopped mailpit again, on the same ports and with its messages.
func (m *Mailpit) Start() error {
	m.process, m.exited = exec.Command(m.args[0], m.args[1:]...), make(chan struct{})
	m.output.Reset()
	m.process.Stdout, m.process.Stderr = &m.output, &m.output
	endWithParent(m.process)
	if err := m.process.Start(); err != nil {
		close(m.exited)
		return err
	}
	process, exited := m.process, m.exited
	go func() {
		defer close(exited)
		_ = process.Wait() // it is killed
	}()
	if err := m.ready(); err != nil {
		m.Stop()
		return fmt.Errorf("%w: %s", err, &m.output)
	}
	return nil
}

// Stop kills mailpit.
func (m *Mailpit) Stop() {
	if m.process.Process != nil {
		_ = m.process.Process.Kill() // it may have ended
	}
	<-m.exited
}

// ready waits until the API and the SMTP server answer.
func (m *Mailpit) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if m.call(ctx, http.MethodGet, "/api/v1/info", "") == nil && m.greets(ctx) {
			return nil
		}
		select {
		case <-again.C:
		case <-m.exited:
			return fmt.Errorf("it ended")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer")
		}
	}
}

func (m *Mailpit) greets(ctx context.Context) bool {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.SMTP)
	return err == nil && conn.Close() == nil
}

// Chaos makes a stage of sending (Sender, Recipient or Authentication) fail with a code, with a probability in percent.
func (m *Mailpit) Chaos(ctx context.Context, stage string, code, percent int) error {
	body, err := json.Marshal(map[string]any{stage: map[string]int{"ErrorCode": code, "Probability": percent}})
	if err != nil {
		return err
	}
	return m.call(ctx, http.MethodPut, "/api/v1/chaos", string(body))
}

func (m *Mailpit) call(ctx context.Context, method, path, body string) error {
	request, err := http.NewRequestWithContext(ctx, method, m.HTTP+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	return err
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
