// Tests of the command tree.

package main

import (
	"io"
	"testing"
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
