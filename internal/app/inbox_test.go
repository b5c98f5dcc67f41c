// Tests of the inbox of a folder that several processes use.

package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bursar/internal/project"
)

// TestInboxIsTakenOver has two processes of a folder: the second one watches the inbox when the first one has ended.
func TestInboxIsTakenOver(t *testing.T) {
	t.Parallel()
	first := &sharedProcess{App: &App{Project: &project.Project{}, log: slog.New(slog.DiscardHandler), state: filepath.Join(t.TempDir(), ".bursar")}}
	second := &sharedProcess{App: &App{Project: first.Project, log: first.log, state: filepath.Join(t.TempDir(), ".bursar")}}
	if err := os.Mkdir(first.state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(first.state, second.state); err != nil { // the same folder, with another inbox, so that it is seen who watches
		t.Fatal(err)
	}
	stopFirst, err := first.watchInboxAlone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	awaitWatched(t, first)
	stopSecond, err := second.watchInboxAlone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(second.inbox()); err == nil {
		t.Error("both watch the inbox")
	}
	if err := stopFirst(); err != nil {
		t.Error(err)
	}
	awaitWatched(t, second)
	if err := stopSecond(); err != nil {
		t.Error(err)
	}
}

// awaitWatched waits until a process watches its inbox: it makes the folders.
func awaitWatched(t *testing.T, p *sharedProcess) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(filepath.Join(p.inbox(), project.StatementStream)); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("nobody watches the inbox")
		}
	}
}
