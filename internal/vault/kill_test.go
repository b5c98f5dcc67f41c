// Tests of a process that is killed while it changes the vault or its key.

package vault

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// killedFolder makes TestKilledProcess a process of its own, on a vault in this folder.
const killedFolder = "BURSAR_TEST_VAULT_FOLDER"

// TestKilledProcess is the process that is killed: it rotates the key and sets secrets without end, and prints each completed change.
func TestKilledProcess(t *testing.T) {
	dir := os.Getenv(killedFolder)
	if dir == "" {
		t.Skip("it is started by another test")
	}
	v := New(filepath.Join(dir, "project"), Environment{func(string) (string, bool) { return "", false }, filepath.Join(dir, "vault.key")})
	for i := 0; ; i++ {
		if _, _, err := v.Set(context.Background(), "counter", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			if _, err := v.Rotate(context.Background(), ""); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Println("\nreached")
	}
}

// TestKill kills a process at many places: the key file opens the vault after each, and no secret is lost.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := &place{filepath.Join(dir, "project"), nil, filepath.Join(dir, "vault.key")}
	if err := os.Mkdir(p.project, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := p.vault().Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.set(t, "kept", "value")
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	for round := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
		cmd.Env = append(os.Environ(), killedFolder+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for changes := 0; changes <= round%4 && lines.Scan(); {
			if lines.Text() == "reached" {
				changes++
			}
		}
		_ = cmd.Process.Kill() // wherever the next change is
		_ = cmd.Wait()
		if got, err := p.vault().Resolve("kept"); err != nil || got.Reveal() != "value" {
			t.Fatalf("round %d: the secret is %q, %v", round, got.Reveal(), err)
		}
		p.set(t, "counter", "again")
	}
	p.want(t, map[string]string{"kept": "value", "counter": "again"})
}
