// The programs that tests execute: this test binary again, as a guard, or as a program with bad habits.

package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The environment of the helper programs.
const (
	helperVariable = "PROCESS_TEST_HELPER" // what to do
	testVariable   = "PROCESS_TEST"        // names the test, to find all of its processes
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == GuardCommand {
		os.Exit(GuardMain(os.Args[2:]))
	}
	if name := os.Getenv(helperVariable); name != "" {
		os.Exit(helpers[name](os.Args[1:]))
	}
	os.Exit(m.Run())
}

var helpers = map[string]func(args []string) int{
	"worker":     workerHelper,
	"stubborn":   stubbornHelper,
	"descendant": descendantHelper,
	"flood":      floodHelper,
	"chain":      chainHelper,
}

// workerHelper executes a program as a worker does.
func workerHelper(args []string) int {
	_, err := Run(context.Background(), Command{Path: args[0], Args: args[1:], Env: os.Environ(), Keep: 100})
	fmt.Println("the worker has ended by itself:", err)
	return 1
}

// stubbornHelper survives all signals that can be ignored. It prints a line when it is ready.
func stubbornHelper([]string) int {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	fmt.Println("ready")
	select {}
}

// descendantHelper starts a stubborn process in a session of its own, without anything of the test in its environment if asked, whose parent and
// grandparent have ended when the process is ready.
func descendantHelper(args []string) int {
	if len(args) > 1 {
		next := exec.Command(ownBinary(), args[1:]...)
		next.Env = append(os.Environ(), helperVariable+"=descendant")
		next.SysProcAttr = ownSession()
		next.Stdout = os.Stdout
		if next.Start() != nil {
			return 1
		}
		return 0
	}
	last := exec.Command(ownBinary(), args[0])
	last.Env = []string{helperVariable + "=stubborn"}
	if strings.HasPrefix(args[0], "marked") {
		last.Env = append(os.Environ(), helperVariable+"=stubborn")
	}
	last.Stdout = os.Stdout
	last.SysProcAttr = ownSession()
	if last.Start() != nil {
		return 1
	}
	return 0
}

// floodHelper prints so many bytes.
func floodHelper(args []string) int {
	left, err := strconv.Atoi(args[0])
	if err != nil {
		return 1
	}
	fmt.Print("first line\n")
	block := bytes.Repeat([]byte("0123456789abcde\n"), 4096)
	for ; left > 0; left -= len(block) {
		if _, err := os.Stdout.Write(block[:min(left, len(block))]); err != nil {
			return 1
		}
	}
	fmt.Print("last line\n")
	return 0
}

// chainHelper replaces itself by a new process in a new session over and over, so that no search finds the same one twice.
func chainHelper(args []string) int {
	next := exec.Command(ownBinary(), args...)
	next.Env, next.SysProcAttr = os.Environ(), ownSession()
	if next.Start() != nil {
		return 1
	}
	return 0
}

// helper returns a command that executes a helper program.
func helper(t *testing.T, name string, args ...string) Command {
	t.Helper()
	return Command{Path: ownBinary(), Args: args, Env: testEnv(t, helperVariable+"="+name), Keep: 1 << 10}
}

// shell returns a command that executes a script.
func shell(t *testing.T, script string) Command {
	t.Helper()
	return Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: testEnv(t), Keep: 1 << 10}
}

// testEnv returns an environment by which the test's processes are found, and checks at the test's end that none is left.
func testEnv(t *testing.T, more ...string) []string {
	t.Helper()
	name := t.Name() + strconv.FormatInt(time.Now().UnixNano(), 36)
	t.Cleanup(func() {
		if left := processesWith(testVariable + "=" + name); len(left) > 0 {
			t.Errorf("processes are left: %v", left)
		}
	})
	return append([]string{"PATH=" + os.Getenv("PATH"), testVariable + "=" + name}, more...)
}

// processesWith returns the processes with an environment variable or an argument.
func processesWith(text string) (found []string) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		for _, file := range []string{"environ", "cmdline"} {
			content, err := os.ReadFile(filepath.Join(folder, file))
			if err == nil && strings.Contains("\x00"+string(content), "\x00"+text+"\x00") && folder != "/proc/"+strconv.Itoa(os.Getpid()) {
				args, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
				found = append(found, filepath.Base(folder)+" "+strings.ReplaceAll(string(args), "\x00", " "))
				break
			}
		}
	}
	return found
}

// waitUntil polls until a condition is true.
func waitUntil(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	deadline := time.After(within)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("%v passed before %s", within, what)
		case <-tick.C:
		}
	}
}

// printed returns a Live function that closes a channel when a text has been printed.
func printed(text string) (live func([]byte), is <-chan struct{}) {
	s, found := NewSearch(text), make(chan struct{})
	return func(p []byte) {
		if !s.Found() {
			if _, _ = s.Write(p); s.Found() {
				close(found)
			}
		}
	}, found
}
