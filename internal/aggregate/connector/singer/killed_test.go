// A test in which this process is killed while a program runs.

package singer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/vault"
)

// workerVariable makes the test binary fetch with a program that never ends. Its value is the project folder.
const workerVariable = "SINGER_TEST_WORKER"

func workerMain(project string) int {
	s, err := Connector{private: filepath.Join(project, "private")}.LogIn(context.Background(), connector.Login{
		Settings: map[string]string{"command": `["/bin/sh", "-c", "echo $$ > pid.new; mv pid.new pid; while :; do sleep 100; done"]`}, Folder: project,
		Credentials: map[string]vault.Secret{"password": vault.NewSecret("canary")},
		Permit:      func(context.Context) error { return nil },
	})
	if err == nil {
		err = s.Fetch(context.Background(), connector.Request{Account: account}, nil)
	}
	fmt.Fprintln(os.Stderr, "the fetch has ended by itself:", err)
	return 1
}

// TestWorkerKilled: the program ends with this process, and the next fetch deletes the files with secrets.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	private := filepath.Join(project, "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	worker := exec.Command(os.Args[0])
	worker.Env, worker.Stderr = append(os.Environ(), workerVariable+"="+project), os.Stderr
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	var pid string
	waitUntil(t, "the program has started", func() bool {
		content, err := os.ReadFile(filepath.Join(project, "pid"))
		pid = strings.TrimSpace(string(content))
		return err == nil
	})
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait() // it was killed
	waitUntil(t, "the program has ended", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err)
	})
	if left, _ := filepath.Glob(filepath.Join(private, "*", "config.json")); len(left) != 1 {
		t.Errorf("%d configurations are left by the process that was killed, want one", len(left))
	}
	next, err := newPrivateFolder(private)
	if err != nil {
		t.Fatal(err)
	}
	checkNoFile(t, project, "canary")
	if err := next.remove(); err != nil {
		t.Error(err)
	}
}

// waitUntil polls until a condition is true.
func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("a minute has passed before %s", what)
		case <-tick.C:
		}
	}
}
