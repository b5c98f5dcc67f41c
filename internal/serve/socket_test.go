// The command socket: the only way to send commands, and closed to other users, however long the project's path is.

package serve

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandsNeedTheSocket sends a command with the owner's token to the HTTP API, like a proxy on the same machine could.
func TestCommandsNeedTheSocket(t *testing.T) {
	t.Parallel()
	ran := false
	a := newAPI(t, &fakeProject{run: func(context.Context, Command, io.Writer, io.Writer) int { ran = true; return 0 }})
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodPut, http.MethodDelete} {
		for _, path := range []string{"/v1/commands", "/v1/commands/", "/v1/commands/x", "//v1/commands", "/v1/streams/../commands"} {
			body, err := json.Marshal(Command{Args: []string{"status"}, Directory: "/"})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(t.Context(), method, a.http.URL+path, strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+secret)
			answer, err := a.http.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: %d, want 404", method, path, answer.StatusCode)
			}
		}
	}
	if ran {
		t.Error("a command was run")
	}
}

// TestSocketServesCommandsOnly requests routes of the HTTP API on the socket.
func TestSocketServesCommandsOnly(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{})
	c := commandClient{a.serveCommands()}
	for path, want := range map[string]int{"/v1/status": 404, "/v1/commands": 405, "/metrics": 404} {
		answer, err := c.request(t.Context(), http.MethodGet, path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}
	for _, body := range []string{"", "{}", `{"args":["status"],"directory":"relative"}`, `{"args":[],"directory":"/"}`, `{"args":["a"],"directory":"/","more":1}`} {
		answer, err := c.request(t.Context(), http.MethodPost, "/v1/commands", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != 400 {
			t.Errorf("%s: %d, want 400", body, answer.StatusCode)
		}
	}
	answer, err := c.request(t.Context(), http.MethodDelete, "/v1/commands/none", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 404 {
		t.Errorf("a command that is not running: %d, want 404", answer.StatusCode)
	}
}

// TestSocketIsPrivate checks the file: its mode is 0600, it replaces one of a dead process, and closing removes it.
func TestSocketIsPrivate(t *testing.T) {
	t.Parallel()
	for _, deep := range []int{0, 1, 30} { // a path of 30 such folders is too long for a socket address
		state := filepath.Join(t.TempDir(), strings.Repeat("a-long-name/", deep))
		if err := os.MkdirAll(state, 0o755); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second finds the file of the first
			l, err := ListenCommands(t.Context(), state)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(SocketFile(state))
			if err != nil || info.Mode() != os.ModeSocket|0o600 {
				t.Errorf("%v, %v, want a socket with 0600", info.Mode(), err)
			}
			conn, err := dialSocket(t.Context(), state)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			if s, ok := l.(*socket); ok {
				_ = s.Listener.Close() // like a process that is killed
			}
		}
		l, err := ListenCommands(t.Context(), state)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(state)
		if err != nil || len(left) > 0 {
			t.Errorf("%v, %v is left", left, err)
		}
	}
}

// TestListenInUse listens where something listens already.
func TestListenInUse(t *testing.T) {
	t.Parallel()
	l, err := Listen(t.Context(), t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(t.Context(), t.TempDir(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "set another address with --listen") {
		t.Errorf("%v", err)
	}
}
