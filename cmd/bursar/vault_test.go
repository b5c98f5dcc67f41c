// Tests of the commands of the vault: secrets come from standard input, and no command prints one.

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/vault"
)

// withInput carries out one command line with this standard input.
func withInput(t *testing.T, input string, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	c := newCLI(&out, &err)
	c.in = strings.NewReader(input)
	return outcome{c.execute(t.Context(), args), out.String(), err.String()}
}

func TestVault(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("HOME", home)
	t.Setenv("BURSAR_VAULT_KEY", "")
	t.Setenv("BURSAR_VAULT_KEY_FILE", "")
	dir := filepath.Join(t.TempDir(), "project")
	must(t, 0, "init", dir)
	in := []string{"--project", dir, "--json"}
	call := func(code int, input string, args ...string) outcome {
		t.Helper()
		got := withInput(t, input, append(args, in...)...)
		if got.code != code || strings.Contains(got.out+got.err, "hunter2") || strings.Contains(got.out+got.err, "SECRET-KEY") {
			t.Errorf("bursar %s: exit code %d, want %d: %s%s", strings.Join(args, " "), got.code, code, got.out, got.err)
		}
		return got
	}
	if got := call(2, "", "vault", "list"); !strings.Contains(got.err, "bursar vault init") {
		t.Errorf("without a vault: %s", got.err)
	}
	made := value(t, call(0, "", "vault", "init"))
	keyFile := words(made, "key_file")
	if made["key_created"] != true || !strings.HasPrefix(keyFile, home) || words(made, "vault") != filepath.Join(dir, "vault.age") {
		t.Errorf("init prints %v", made)
	}
	call(1, "", "vault", "init")
	call(0, "", "check") // a project that has a vault and no other state
	call(0, "", "status")
	if got := call(0, "", "vault", "list"); strings.TrimSpace(strings.ReplaceAll(got.out, " ", "")) != "{\"secrets\":[]}" && !strings.Contains(got.out, "[]") {
		t.Errorf("an empty list is %s", got.out)
	}
	for input, want := range map[string]string{"hunter2": "hunter2", "hunter2\n": "hunter2", "hunter2\r\n": "hunter2", "hunter2\n\n": "hunter2\n", "hunter2\r": "hunter2\r"} {
		if set := value(t, call(0, input, "vault", "set", "bank_password")); set["name"] != "bank_password" || words(set, "set") == "" {
			t.Errorf("set prints %v", set)
		}
		got, err := vault.New(dir, vault.ProcessEnvironment()).Resolve("bank_password")
		if err != nil || got.Reveal() != want {
			t.Errorf("%q is stored as %q, %v", input, got.Reveal(), err)
		}
	}
	call(0, "hunter2", "vault", "set", "another")
	list := value(t, call(0, "", "vault", "list"))
	if got := item(t, list, "secrets", 1); got["name"] != "bank_password" || words(got, "set") == "" || len(got) != 2 {
		t.Errorf("listed %v", list)
	}
	call(1, "", "vault", "set", "bank_password")
	call(1, strings.Repeat("hunter2", 10_000), "vault", "set", "bank_password")
	for _, wrong := range [][]string{
		{"vault", "set"}, {"vault", "set", "bank_password", "hunter2"}, {"vault", "set", "bank=hunter2"}, {"vault", "remove", "Bank"}, {"vault", "list", "x"},
	} {
		call(2, "", wrong...)
	}
	call(3, "", "vault", "remove", "unknown")
	if got := value(t, call(0, "", "vault", "remove", "another")); got["removed"] != true {
		t.Errorf("remove prints %v", got)
	}
	before, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := value(t, call(0, "", "vault", "rotate")); got["key_file"] != keyFile {
		t.Errorf("rotate prints %v", got)
	}
	call(2, "", "vault", "rotate", "--key-file", keyFile)
	call(0, "", "vault", "list")
	if err := os.WriteFile(keyFile, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := call(2, "", "vault", "list"); !strings.Contains(got.err, "copy the newest key") {
		t.Errorf("with the old key: %s", got.err)
	}
	if err := os.Chmod(keyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := call(2, "", "vault", "list"); !strings.Contains(got.err, "chmod 600") {
		t.Errorf("a key that others may read: %s", got.err)
	}
	if got := withInput(t, "", "vault", "list", "--project", home); got.code != 2 || !strings.Contains(got.err, "bursar init DIR") {
		t.Errorf("without a project: %d %s", got.code, got.err)
	}
}

// TestVaultForPeople checks what is printed without --json.
func TestVaultForPeople(t *testing.T) {
	t.Setenv("BURSAR_VAULT_KEY", "")
	t.Setenv("BURSAR_VAULT_KEY_FILE", filepath.Join(t.TempDir(), "key"))
	dir := filepath.Join(t.TempDir(), "project")
	must(t, 0, "init", dir)
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"vault", "init"}, "Its key is in "},
		{[]string{"vault", "set", "bank_password"}, "Write vault:bank_password where it is used."},
		{[]string{"vault", "list"}, "│ bank_password │ 2"},
		{[]string{"vault", "rotate"}, "The vault has a new key"},
		{[]string{"vault", "remove", "bank_password"}, "Secret bank_password is removed."},
		{[]string{"vault"}, "bursar vault [command]"},
	} {
		got := withInput(t, "hunter2", append(step.args, "--project", dir)...)
		if got.code != 0 || !strings.Contains(got.out, step.want) || strings.Contains(got.out+got.err, "hunter2") {
			t.Errorf("%v: exit code %d, %s%s", step.args, got.code, got.out, got.err)
		}
	}
}
