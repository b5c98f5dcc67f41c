// Commands from end to end: server and client over a real connection.

package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"bursar/internal/serve/access"
)

// serveCommands serves commands in a state folder and announces the endpoint.
func (a *api) serveCommands() (state string) {
	a.t.Helper()
	state = a.t.TempDir()
	l, err := ListenCommands(a.t.Context(), state)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = l.Close() })
	go func() { _ = a.server.ServeCommands(l) }()
	if _, err := Announce(state, Endpoint{Address: a.http.Listener.Addr().String(), Process: 7}); err != nil {
		a.t.Fatal(err)
	}
	return state
}

func locked() bool { return true }

func TestCommand(t *testing.T) {
	t.Parallel()
	binary := bytes.Repeat([]byte{0xff, 0, '\n', '<'}, 100_000)
	a := newAPI(t, &fakeProject{run: func(_ context.Context, c Command, out, err io.Writer) int {
		fmt.Fprintf(err, "%q of %q in %s, %d and %d wide", c.Args, c.Input, c.Directory, c.OutWidth, c.ErrWidth)
		if _, err := out.Write(binary); err != nil {
			t.Error(err)
		}
		return 4
	}})
	var out, err bytes.Buffer
	exit, failed := Forward(t.Context(), a.serveCommands(), 7, locked, Command{Args: []string{"run", "ä"}, Directory: "/x", OutWidth: 80, Input: []byte("a\x00ž")}, &out, &err)
	if failed != nil || exit != 4 || !bytes.Equal(out.Bytes(), binary) || err.String() != `["run" "ä"] of "a\x00ž" in /x, 80 and 0 wide` {
		t.Errorf("exit %d, %v, %d bytes, %s", exit, failed, out.Len(), err.String())
	}
}

// TestCommandIsInterrupted ends the client's context: the command is cancelled, and the client receives its last output.
func TestCommandIsInterrupted(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	a := newAPI(t, &fakeProject{run: func(ctx context.Context, _ Command, _, err io.Writer) int {
		close(begun)
		<-ctx.Done()
		fmt.Fprint(err, "interrupted")
		return 1
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	var err bytes.Buffer
	exit, failed := Forward(ctx, a.serveCommands(), 7, locked, Command{Args: []string{"run"}, Directory: "/"}, io.Discard, &err)
	if failed != nil || exit != 1 || err.String() != "interrupted" {
		t.Errorf("exit %d, %v, %q", exit, failed, err.String())
	}
}

// TestHangingUpStopsCommand closes the connection: the command is cancelled.
func TestHangingUpStopsCommand(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan struct{})
	a := newAPI(t, &fakeProject{run: func(ctx context.Context, _ Command, _, _ io.Writer) int {
		close(begun)
		<-ctx.Done()
		close(ended)
		return 1
	}})
	conn, err := dialSocket(t.Context(), a.serveCommands())
	if err != nil {
		t.Fatal(err)
	}
	body := `{"args":["run"],"directory":"/"}`
	fmt.Fprintf(conn, "POST /v1/commands HTTP/1.1\r\nHost: bursar\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	<-begun
	_ = conn.Close()
	<-ended
}

// TestForwardWaitsForServer ignores the endpoint of another process, and waits for one that is starting.
func TestForwardWaitsForServer(t *testing.T) {
	t.Parallel()
	a := newAPI(t, &fakeProject{run: func(context.Context, Command, io.Writer, io.Writer) int { return 0 }})
	state := a.serveCommands()
	command := Command{Args: []string{"status"}, Directory: "/"}
	_, err := Forward(t.Context(), state, 8, func() bool { return false }, command, io.Discard, io.Discard)
	if !errors.Is(err, ErrNotServed) {
		t.Errorf("of a dead process: %v", err)
	}
	looks := 0
	later := func() bool {
		if looks++; looks == 3 {
			if _, err := Announce(state, Endpoint{Address: a.http.Listener.Addr().String(), Process: 8}); err != nil {
				t.Error(err)
			}
		}
		return true
	}
	if exit, err := Forward(t.Context(), state, 8, later, command, io.Discard, io.Discard); err != nil || exit != 0 {
		t.Errorf("of one that starts: %d, %v", exit, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Forward(ctx, state, 9, locked, command, io.Discard, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// TestStop waits for a running command, or cancels it after the grace period.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, patient := range []bool{true, false} {
		begun, leave := make(chan struct{}), make(chan struct{})
		a := newAPI(t, &fakeProject{run: func(ctx context.Context, _ Command, out, _ io.Writer) int {
			close(begun)
			select {
			case <-leave:
				fmt.Fprint(out, "done")
			case <-ctx.Done():
				fmt.Fprint(out, "cancelled")
			}
			return 0
		}})
		stopped := make(chan error, 1)
		go func() {
			<-begun
			grace := time.Millisecond
			if patient {
				grace = time.Minute
			}
			go func() { stopped <- a.server.Stop(grace, time.Minute) }()
			if patient {
				close(leave)
			}
		}()
		var out strings.Builder
		exit, err := Forward(t.Context(), a.serveCommands(), 7, locked, Command{Args: []string{"run"}, Directory: "/"}, &out, io.Discard)
		want := map[bool]string{true: "done", false: "cancelled"}[patient]
		if err != nil || exit != 0 || out.String() != want {
			t.Errorf("patient %v: exit %d, %v, %q", patient, exit, err, out.String())
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	first, err := Token(state)
	if err != nil || len(first) != 2*access.SecretBytes {
		t.Fatalf("%q, %v", first, err)
	}
	again, err := Token(state)
	if err != nil || again != first {
		t.Errorf("%q, %v, want the same again", again, err)
	}
	info, err := os.Stat(TokenFile(state))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, want 0600", info, err)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	open := func(address string) net.Listener {
		l, err := Listen(t.Context(), state, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	first := open("")
	_ = first.Close()
	again := open("")
	if again.Addr().String() != first.Addr().String() || !OnLoopback(again) {
		t.Errorf("%s, then %s", first.Addr(), again.Addr())
	}
	if taken := open(""); taken.Addr().String() == again.Addr().String() { // the port is in use
		t.Errorf("%s is taken", taken.Addr())
	}
	if all := open("0.0.0.0:0"); OnLoopback(all) {
		t.Errorf("everywhere: %s", all.Addr())
	}
	if _, err := Listen(t.Context(), state, "8080"); err == nil {
		t.Error("an address without a port is accepted")
	}
}
