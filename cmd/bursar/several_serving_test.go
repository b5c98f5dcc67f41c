//go:build linux && !race

// Processes of a project that several processes share, as tests start, kill, suspend and stop them.

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/temporal/temporaltest"
)

// severalProject makes the example project for several processes, with its key of identities, on servers that a test chooses.
func severalProject(t *testing.T, database, endpoint string, store *s3test.Server, temporal *temporaltest.Server) (dir string) {
	t.Helper()
	dir = projectOn(t, database, endpoint, store)
	config, err := os.ReadFile(filepath.Join(dir, "bursar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, "bursar.yaml", fmt.Sprintf("%smemory: 300MB\ntemporal: {kind: cluster, address: %q, namespace: %s}\n", config, temporal.Address, temporal.Namespace(t)))
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir) // makes the key of identities
	return dir
}

// serving is one of the processes, which a test starts again after its end.
type serving struct {
	t       *testing.T
	name    string
	dir     string
	args    []string
	logs    string // folder
	program string // another build; empty: this one

	mu      sync.Mutex
	starts  int
	cmd     *exec.Cmd
	ended   chan struct{}  // closed when cmd has ended
	ready   map[string]any // what it printed
	kill    bool           // it was killed on purpose
	token   string
	suspend bool
}

func newServing(t *testing.T, name, dir, logs string, args ...string) *serving {
	t.Helper()
	return &serving{t: t, name: name, dir: dir, logs: logs, args: append(args, "--project", dir, "--json")}
}

// start starts the process, and waits until it is ready or has ended. Any goroutine may call it.
func (m *serving) start() error {
	cmd := program(m.t, 0, m.args...)
	if m.program != "" {
		cmd.Path = m.program
	}
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	m.starts++
	log, err := os.Create(filepath.Join(m.logs, fmt.Sprintf("%s-%d.log", m.name, m.starts)))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended, ready := make(chan struct{}), make(chan map[string]any, 1)
	go func() {
		defer close(ended)
		defer close(ready)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var v map[string]any
			if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
				m.t.Errorf("%s prints %s: %v", m.name, lines.Text(), err)
			}
			if v["event"] == "ready" {
				ready <- v
			}
		}
		_ = cmd.Wait() // whoever ends it looks at its state
	}()
	m.mu.Lock()
	m.cmd, m.ended, m.kill = cmd, ended, false
	m.mu.Unlock()
	v, ok := <-ready
	if !ok {
		return fmt.Errorf("%s has ended before it was ready: %s", m.name, m.tail())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready = v
	if path, isServer := v["token_file"].(string); isServer && path != "" {
		token, err := os.ReadFile(path)
		m.token = strings.TrimSpace(string(token))
		return err
	}
	return nil
}

// mustStart starts the processes together.
func mustStart(t *testing.T, members ...*serving) {
	t.Helper()
	failed := make([]error, len(members))
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() { failed[i] = m.start() })
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
}

// id is its name in the list of processes.
func (m *serving) id() string { return m.text("id") }

// base is the address of its API.
func (m *serving) base() string { return "http://" + m.text("address") }

func (m *serving) text(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, _ := m.ready[name].(string)
	return text
}

func (m *serving) bearer() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.token
}

// signal sends a signal. The process may have ended.
func (m *serving) signal(s syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kill = m.kill || s == syscall.SIGKILL
	m.suspend = s == syscall.SIGSTOP || m.suspend && s != syscall.SIGCONT
	if err := m.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		m.t.Errorf("send %s to %s: %v", s, m.name, err)
	}
}

// killed kills the process and waits until it is gone.
func (m *serving) killed() {
	m.signal(syscall.SIGKILL)
	<-m.done()
}

func (m *serving) done() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended
}

// endLimit is how long a process may take to finish what it does, on a machine that does many other things.
const endLimit = 2 * time.Minute

// wantEnd waits until the process has ended by itself with exit code 0.
func (m *serving) wantEnd() {
	m.t.Helper()
	select {
	case <-m.done():
		if code := m.cmd.ProcessState.ExitCode(); code != 0 {
			m.t.Errorf("%s ended with %d: %s", m.name, code, m.tail())
		}
	case <-time.After(endLimit):
		m.signal(syscall.SIGQUIT) // it prints what it does
		<-m.done()
		m.t.Errorf("%s does not end: %s", m.name, m.tail())
	}
}

// logged is its log since its last start.
func (m *serving) logged() string {
	text, err := os.ReadFile(filepath.Join(m.logs, fmt.Sprintf("%s-%d.log", m.name, m.starts)))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// tail is the end of its log.
func (m *serving) tail() string {
	text := m.logged()
	return text[max(0, len(text)-4000):]
}

// stopAll stops all processes as an administrator does, and expects that they end well.
func stopAll(t *testing.T, members ...*serving) {
	t.Helper()
	for _, m := range members {
		m.signal(syscall.SIGTERM)
	}
	for _, m := range members {
		m.wantEnd()
	}
}
