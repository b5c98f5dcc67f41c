// What intake refuses to read: anything that could be read by halves.

package intake_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/failure"
)

// TestNotARegularFile: what cannot be read twice is refused before anything is begun, whatever it is called.
func TestNotARegularFile(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	l := h.StartLive(live.Options{})
	pipe, socket, link := filepath.Join(h.Dir, "pipe.jsonl"), filepath.Join(h.Dir, "socket.jsonl"), filepath.Join(h.Dir, "link.jsonl")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, err := range []error{syscall.Mkfifo(pipe, 0o600), os.Symlink(pipe, link)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	good := h.File("good.jsonl", sale("1", "sale", "1.00", "EUR"))
	for path, want := range map[string]string{
		pipe: "it is a pipe", link: "it is a pipe", socket: "it is a socket", "/dev/null": "it is a device", h.Dir: "it is a directory; name the files in it",
	} {
		for _, dry := range []bool{false, true} {
			for _, take := range []func() (intake.Result, error){
				func() (intake.Result, error) {
					return intake.Ingest(t.Context(), h.Store, h.Stream, []string{good, path}, intake.Options{DryRun: dry})
				},
				func() (intake.Result, error) {
					return live.Exclusively(t.Context(), l, func(ctx context.Context) (intake.Result, error) {
						return intake.Ingest(ctx, h.Store, h.Stream, []string{good, path}, intake.Options{DryRun: dry})
					})
				},
			} {
				_, err := take()
				if err == nil || !strings.Contains(err.Error(), want) || failure.Of(err) != failure.Data {
					t.Errorf("%s: %v [%v], want %q [data]", path, err, failure.Of(err), want)
				}
			}
		}
	}
	h.ExpectBatches()
	h.Accept(l, "", sale("1", "sale", "1.00", "EUR"), "1 1 0 0") // the stream is free
}

// TestChangedWhileRead: nothing of a file is sealed that changes under its reader, in whichever way.
func TestChangedWhileRead(t *testing.T) {
	t.Parallel()
	rows := sale("1", "sale", "1.00", "EUR") + sale("2", "sale", "2.00", "EUR")
	for name, change := range map[string]func(path string) error{
		"grows":   func(path string) error { return os.WriteFile(path, []byte(rows+rows), 0o600) },
		"shrinks": func(path string) error { return os.Truncate(path, int64(len(rows)/2)) },
		"differs": func(path string) error {
			return os.WriteFile(path, []byte(strings.ReplaceAll(rows, "1.00", "3.00")), 0o600)
		},
	} {
		for _, yaml := range []string{plainYAML, strings.Replace(plainYAML, "id: id\n", "id: _row\n", 1)} {
			h := newHarness(t, yaml)
			path := h.File("sales.jsonl", rows)
			if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			changed := false
			o := intake.Options{Progress: func(int64) {
				if !changed {
					changed = true
					if err := change(path); err != nil {
						t.Error(err)
					}
				}
			}}
			_, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{path}, o)
			if err == nil || !strings.Contains(err.Error(), "the file changed while it was read") || failure.Of(err) != failure.Transient {
				t.Errorf("%s: %v [%v]", name, err, failure.Of(err))
			}
			h.ExpectBatches()
			if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
				t.Fatal(err)
			}
			h.Ingest("1 2 2 0 0", path)
		}
	}
}
