// Starts of a server, and its end in the middle of a test.

package postgrestest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// End is how a server ends before it is started again.
type End string

const (
	// Fast ends the server as an administrator does: transactions are rolled back, connections closed.
	Fast End = "INT"
	// Killed ends it as kill -9 does, and its sessions with it.
	Killed End = "KILL"
)

// Restart ends the server and starts it again on the same port. It is for servers of their own: see Start. Any goroutine may call it.
func (s *Server) Restart(t testing.TB, how End) {
	t.Helper()
	deadline := time.Now().Add(startTimeout)
	for {
		if _, err := fmt.Fprintln(s.input, how); err != nil {
			t.Errorf("restart PostgreSQL: %v", err)
			return
		}
		err := s.waitReady()
		if err == nil {
			return
		}
		// The sessions of a server that was killed notice it within moments.
		if !strings.Contains(err.Error(), "still in use") && !strings.Contains(err.Error(), "already exists") || time.Now().After(deadline) {
			t.Errorf("restart PostgreSQL: %v", err)
			return
		}
		<-time.After(restartWait)
	}
}

// restartWait is the wait before another attempt to start.
const restartWait = 50 * time.Millisecond

// startsAgain is the line between the logs of two starts.
const startsAgain = "the guard starts the server again"

// waitReady waits until the server accepts connections.
func (s *Server) waitReady() error {
	select {
	case err := <-s.ready:
		return err
	case <-time.After(startTimeout):
		return errors.New("not ready in time")
	}
}

// ofSessions are in FATAL lines that do not concern a start.
var ofSessions = []string{"the database system is", "terminating", "postmaster exited"}

// followLog reads the server's log, and reports on each start whether the server accepts connections.
func followLog(log io.Reader, ready chan<- error) {
	var text strings.Builder
	lines, reported := bufio.NewScanner(log), false
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == startsAgain:
			text.Reset()
			reported = false
		case reported:
		case strings.Contains(line, "ready to accept connections"):
			reported = true
			ready <- nil
		default:
			text.WriteString(line + "\n")
			// Clients that come too early are refused with a FATAL, and sessions of a server that was killed end with one.
			if strings.Contains(line, "FATAL") && !slices.ContainsFunc(ofSessions, func(text string) bool { return strings.Contains(line, text) }) {
				reported = true
				ready <- errors.New(text.String())
			}
		}
	}
	if !reported {
		ready <- errors.New(text.String())
	}
}
