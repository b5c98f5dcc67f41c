// Tests of the command tree.

package main

import (
	"io"
	"strings"
	"testing"

	"bursar/internal/project"
)

// TestEveryCommandHasAGroup checks that help lists every command under a heading, and that `bursar up` executes exactly the commands that
// open the project.
func TestEveryCommandHasAGroup(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, cmd := range newCLI(io.Discard, io.Discard).root().Commands() {
		known[cmd.Name()] = true
		if cmd.GroupID == "" && cmd.Runnable() {
			t.Errorf("%s is in no group of help", cmd.Name())
		}
	}
	for _, name := range localCommands {
		if !known[name] {
			t.Errorf("%s is not a command", name)
		}
	}
	remote := newCLI(io.Discard, io.Discard)
	remote.remote = &remoteCall{}
	var executed []string
	for _, cmd := range remote.root().Commands() {
		if cmd.Runnable() {
			executed = append(executed, cmd.Name())
		}
	}
	want := "worker token ingest import run quarantine retract rebuild institution account job completeness status get trace export exceptions unkeyed feed publish load model query archive restore verify"
	if got := strings.Join(executed, " "); got != want {
		t.Errorf("`bursar up` executes\n%s, want\n%s", got, want)
	}
}

// TestFoldsTopic: help lists the folds as a topic, and explains each of them.
func TestFoldsTopic(t *testing.T) {
	t.Parallel()
	if got := must(t, 0, "--help").out; !strings.Contains(got, "Additional help topics:\n  bursar folds ") {
		t.Errorf("help prints %s", got)
	}
	got := must(t, 0, "help", "folds").out
	for _, f := range project.Folds {
		if !strings.Contains(got, "\n      "+f.Example+"\n") {
			t.Errorf("no %q in %s", f.Example, got)
		}
	}
}
