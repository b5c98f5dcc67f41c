// Tests of the command tree.

package main

import (
	"io"
	"strings"
	"testing"

	"bursar/internal/project"
)

// TestEveryCommandHasAGroup checks that help lists every command under a heading, and every heading names commands that exist.
func TestEveryCommandHasAGroup(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, cmd := range newCLI(io.Discard, io.Discard).commands() {
		known[cmd.Name()] = true
		if groupOf(cmd.Name()) == "" {
			t.Errorf("%s is in no group of help", cmd.Name())
		}
	}
	for _, group := range commandGroups {
		for _, name := range group.commands {
			if !known[name] {
				t.Errorf("%s lists %s, which is not a command", group.title, name)
			}
		}
	}
}

// TestFoldsTopic: help lists the folds as a topic, and explains each of them.
func TestFoldsTopic(t *testing.T) {
	t.Parallel()
	if got := must(t, 0, "--help").out; !strings.Contains(got, "Additional help topics:\n  bursar folds ") {
		t.Errorf("help prints %s", got)
	}
	got := must(t, 0, "help", "folds").out
	for _, f := range project.Folds() {
		if !strings.Contains(got, "\n      "+f.Example+"\n") {
			t.Errorf("no %q in %s", f.Example, got)
		}
	}
}
