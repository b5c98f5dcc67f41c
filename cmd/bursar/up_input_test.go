//go:build linux

// Readers and terminals that end while `bursar up` runs, and inputs that are not regular files.

package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUpOutlivesItsReader: nobody need read what it prints, and a terminal that goes away stops it in order.
func TestUpOutlivesItsReader(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	u := bringUp(t, dir)
	if err := u.out.Close(); err != nil {
		t.Fatal(err)
	}
	sample := filepath.Join(dir, "sample", "payments.jsonl")
	must(t, 0, "ingest", "payments", sample, "--project", dir) // it prints that a batch is sealed
	must(t, 0, "run", "--project", dir)
	must(t, 0, "ingest", "payments", sample, "--project", dir)
	hangup := os.Signal(syscall.SIGHUP)
	if signal.Ignored(hangup) { // the tests run under nohup, and so does what they start
		hangup = syscall.SIGTERM
	}
	u.stop(hangup, 0)
	if _, err := os.Stat(filepath.Join(dir, ".bursar", "lock.json")); err == nil {
		t.Error("the project is not given back")
	}
	wantBacklogAndArtifacts(t, dir, 0, 7)
}

// TestInputsOfNoFile: a pipe is refused, with `up` and without, and the stream is free afterwards.
func TestInputsOfNoFile(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	sample := filepath.Join(dir, "sample", "payments.jsonl")
	pipe := filepath.Join(t.TempDir(), "pipe.jsonl")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	from := func(stdin *os.File, path string) outcome {
		cmd := program(t, 0, "ingest", "payments", path, "--project", dir)
		cmd.Stdin = stdin
		return ended(t, cmd, cmd.Run())
	}
	refused := func(path, want string) {
		t.Helper()
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		defer writer.Close()
		if got := from(reader, path); got.code != 1 || !strings.Contains(got.err, want) || !strings.Contains(got.err, "[data]") || !strings.Contains(got.err, "write") {
			t.Errorf("%s: %+v", path, got)
		}
	}
	refused(pipe, "it is a pipe, not a file")
	refused("/dev/stdin", "it is a pipe, not a file")
	u := bringUp(t, dir)
	refused(pipe, "it is a pipe, not a file")
	link := filepath.Join(t.TempDir(), "link.jsonl")
	if err := os.Symlink("/dev/stdin", link); err != nil {
		t.Fatal(err)
	}
	whole, err := os.Open(sample)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	for _, path := range []string{"/dev/stdin", "/proc/self/fd/0", link} {
		refused(path, "the name means another file in the process of `bursar up`")
		if got := from(whole, path); got.code != 1 || !strings.Contains(got.err, "the name means another file in the process of `bursar up`") {
			t.Errorf("%s: %+v", path, got)
		}
	}
	must(t, 0, "ingest", "payments", sample, "--project", dir)
	u.stop(syscall.SIGTERM, 0)
	if got := from(whole, "/dev/stdin"); got.code != 0 || !strings.Contains(got.out, "20") { // a file all the same, and known
		t.Errorf("a redirected file: %+v", got)
	}
}

// TestFolderChangesUnderUp: a command that `bursar up` executes uses the declarations that it has read, and says so.
func TestFolderChangesUnderUp(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	u := bringUp(t, dir)
	const warning = "warning: streams/payments.yaml changed after `bursar up` read the folder"
	if got := must(t, 0, "status", "--project", dir); strings.Contains(got.err, "changed") {
		t.Errorf("an unchanged folder: %s", got.err)
	}
	path := filepath.Join(dir, "streams", "payments.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, "streams/payments.yaml", string(text)+"# more\n")
	if got := must(t, 0, "status", "--project", dir); !strings.Contains(got.err, warning) {
		t.Errorf("a changed folder: %s", got.err)
	}
	u.stop(syscall.SIGTERM, 0)
}
