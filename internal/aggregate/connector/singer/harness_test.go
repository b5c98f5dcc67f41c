// What tests of programs share: the guard, a delivery that records its calls, and programs written as shell scripts.

package singer

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"bursar/internal/aggregate/connector"
	"bursar/internal/process"
	"bursar/internal/vault"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == process.GuardCommand {
		os.Exit(process.GuardMain(os.Args[2:]))
	}
	if project := os.Getenv(workerVariable); project != "" {
		os.Exit(workerMain(project))
	}
	os.Exit(m.Run())
}

// delivered is what a fetch has delivered, in order.
type delivered struct {
	connector.Delivery // what a program never delivers

	calls  []string // "stream: lines", "state: value"
	onCall func(call string) error
}

func (d *delivered) add(call string) error {
	if d.onCall != nil {
		if err := d.onCall(call); err != nil {
			return err
		}
	}
	d.calls = append(d.calls, call)
	return nil
}

func (d *delivered) Records(_ context.Context, stream string, lines []byte) error {
	return d.add(stream + ": " + string(lines))
}

func (d *delivered) State(_ context.Context, state []byte) error {
	return d.add("state: " + string(state))
}

// fetch is one fetch of a program.
type fetch struct {
	t           *testing.T
	settings    map[string]string
	credentials map[string]vault.Secret
	folder      string // of the project
	private     string
	cursor      string
	permits     atomic.Int32
	progress    []int
	delivered
}

// newFetch returns a fetch by a shell script, which gets the program's arguments.
func newFetch(t *testing.T, script string) *fetch {
	t.Helper()
	command, err := json.Marshal([]string{"/bin/sh", "-c", script, "sh"})
	if err != nil {
		t.Fatal(err)
	}
	f := &fetch{
		t: t, settings: map[string]string{"command": string(command)}, credentials: map[string]vault.Secret{}, folder: t.TempDir(),
		private: t.TempDir(),
	}
	return f
}

// logIn opens a session.
func (f *fetch) logIn(ctx context.Context) (connector.Session, error) {
	return Connector{private: f.private}.LogIn(ctx, connector.Login{
		Settings: f.settings, Folder: f.folder, Credentials: f.credentials,
		Permit: func(context.Context) error { f.permits.Add(1); return nil },
	})
}

// run fetches, and checks that no private file is left.
func (f *fetch) run(ctx context.Context) error {
	f.t.Helper()
	s, err := f.logIn(ctx)
	if err != nil {
		return err
	}
	err = s.Fetch(ctx, connector.Request{
		Account: account, Cursor: f.cursor, Progress: func(done, _ int) { f.progress = append(f.progress, done) },
	}, &f.delivered)
	if left, _ := filepath.Glob(filepath.Join(f.private, "*")); len(left) > 0 {
		f.t.Errorf("files are left: %v", left)
	}
	if err := s.Close(ctx); err != nil {
		f.t.Error(err)
	}
	return err
}

// check compares what was delivered.
func (d *delivered) check(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(d.calls, "|"); got != strings.Join(want, "|") {
		t.Errorf("delivered\n%s, want\n%s", got, strings.Join(want, "|"))
	}
}

// printing returns a script that prints lines as they are.
func printing(lines ...string) string {
	var script strings.Builder
	for _, line := range lines {
		script.WriteString("printf '%s\\n' '" + line + "'\n")
	}
	return script.String()
}

const schemaOfA = `{"type":"SCHEMA","stream":"a","schema":{"type":"object"},"key_properties":["id"]}`
