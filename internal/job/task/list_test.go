// Tests of programs that list partitions, with real programs.

package task

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/project"
)

func TestList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		timeout      time.Duration
		class        failure.Class // Bug: it succeeds
		text, stdout string
	}{
		{"lines", `echo "$1"; echo "$BURSAR_JOB"; echo "not a partition" >&2`, 0, failure.Bug, "", "eu\nreminders\n"},
		{"data", "echo a; exit 65", 0, failure.Data, "execute ./list.sh: exit code 65", "a\n"},
		{"declared", "exit 9", 0, failure.Data, "execute ./list.sh: exit code 9", ""},
		{"says why", `echo "no such file" >&2; exit 3`, 0, failure.Transient, `execute ./list.sh: exit code 3; its last output is "no such file"`, ""},
		{"timeout", "echo began; while :; do sleep 1; done", time.Second, failure.Transient, "execute ./list.sh: it took longer than 1s", "began\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "list.sh"), []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			e := executorOf(t, &project.Job{
				Timeout: c.timeout, Partition: project.Partition{Command: []string{"./list.sh", "eu"}}, Task: project.Task{SQL: "SELECT 1"},
				Retry: project.Retry{ExitCodes: map[int]string{9: "data"}},
			}, Deps{Dir: dir})
			var stdout strings.Builder
			err := e.List(t.Context(), func(p []byte) { stdout.Write(p) })
			if stdout.String() != c.stdout {
				t.Errorf("output %q, want %q", stdout.String(), c.stdout)
			}
			if c.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.text) || failure.Of(err) != c.class {
				t.Errorf("%v [%v], want %q [%v]", err, failure.Of(err), c.text, c.class)
			}
		})
	}
}
