//go:build linux

// Commands about several processes, while one process serves a project of its own.

package main

import (
	"os"
	"strings"
	"testing"
)

// TestWorkerCommandsAlone gives the commands of `bursar worker` on a project that one process at a time uses, with and without `bursar up`.
func TestWorkerCommandsAlone(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	check := func(when string) {
		t.Helper()
		for _, args := range [][]string{
			{"worker", "list"}, {"worker", "drain", "x"}, {"worker", "pause", "x"}, {"worker", "resume", "x"}, {"worker", "--roles", "index"},
		} {
			got := bursar(t, append(args, "--project", dir)...)
			if got.code != 1 || !strings.Contains(got.err, "one process at a time uses this project") || strings.Contains(got.err, "bursar worker list") {
				t.Errorf("%s, %v: exit code %d: %s", when, args, got.code, got.err)
			}
		}
	}
	check("alone")
	u := bringUp(t, dir)
	check("with `bursar up`")
	u.stop(os.Interrupt, 0)
}

// TestHelpSeveralMachines prints the page that errors and other help refer to.
func TestHelpSeveralMachines(t *testing.T) {
	t.Parallel()
	if got := must(t, 0, "help", "several-machines"); !strings.Contains(got.out, "# Several machines") || !strings.Contains(got.out, "[Service]") {
		t.Errorf("help prints %s", got.out)
	}
}
