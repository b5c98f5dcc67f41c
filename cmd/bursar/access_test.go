//go:build linux

// Access to a project that is up: tokens with scopes, commands for another project, a deep folder.

package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bursar/internal/serve"
)

// TestTokensWhileUp makes tokens, uses and revokes them while the project is up: each change counts at once.
func TestTokensWhileUp(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	before := value(t, must(t, 0, "token", "create", "early", "--scope", "read", "--project", dir, "--json"))
	u := bringUp(t, dir)
	owner := u.token
	made := value(t, must(t, 0, "token", "create", "shop", "--scope", "events:payments", "--project", dir, "--json"))
	secret := words(made, "token")
	if made["name"] != "shop" || made["scope"] != "events:payments" || !strings.HasSuffix(secret, words(made, "ends_in")) || words(made, "created") == "" {
		t.Errorf("made %v", made)
	}
	if code, body := u.get("/v1/status", words(before, "token")); code != 200 {
		t.Errorf("a token of before: %d %s", code, body)
	}
	if code, body := u.get("/v1/status", secret); code != 403 || !strings.Contains(body, "does not allow") {
		t.Errorf("events ask: %d %s", code, body)
	}
	u.token = secret
	if code, body := u.post(good("t1"), ""); code != 200 {
		t.Errorf("events send: %d %s", code, body)
	}
	list := value(t, must(t, 0, "token", "list", "--project", dir, "--json"))
	if got := item(t, list, "tokens", 1); got["name"] != "shop" || got["token"] != nil || got["sha256"] != nil {
		t.Errorf("listed %v", got)
	}
	if got := must(t, 0, "token", "list", "--project", dir); !strings.Contains(got.out, "│ early") {
		t.Errorf("list prints %s", got.out)
	}
	must(t, 0, "token", "revoke", "shop", "--project", dir)
	if code, body := u.post(good("t2"), ""); code != 401 {
		t.Errorf("revoked, it sends: %d %s", code, body)
	}
	must(t, 3, "token", "revoke", "shop", "--project", dir)
	must(t, 3, "token", "create", "x", "--scope", "events:nothing", "--project", dir)
	must(t, 1, "token", "create", "early", "--scope", "read", "--project", dir)
	for _, wrong := range []string{"", "write", "events", "events:"} {
		must(t, 2, "token", "create", "x", "--scope", wrong, "--project", dir)
	}
	must(t, 2, "token", "create", "x", "--project", dir)
	must(t, 2, "token", "create", "Shop/1", "--scope", "read", "--project", dir)
	if code, _ := u.get("/v1/status", owner); code != 200 {
		t.Errorf("the owner's token: %d", code)
	}
	u.stop(syscall.SIGTERM, 0)
	wantNowhere(t, filepath.Join(dir, ".bursar"), secret, words(before, "token"))
}

// wantNowhere looks for texts in all files of a folder.
func wantNowhere(t *testing.T, dir string, texts ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				t.Errorf("%s holds %s", path, text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCommandOfAnotherProject hands over commands for a project that the process does not serve.
func TestCommandOfAnotherProject(t *testing.T) {
	t.Parallel()
	dir, other := shop(t), shop(t)
	u := bringUp(t, dir)
	call := func(directory string, args ...string) (int, string) {
		t.Helper()
		var out, err bytes.Buffer
		exit, failed := serve.Forward(t.Context(), filepath.Join(dir, ".bursar"), u.cmd.Process.Pid, func() bool { return true },
			serve.Command{Args: args, Directory: directory}, &out, &err)
		if failed != nil {
			t.Fatal(failed)
		}
		return exit, out.String() + err.String()
	}
	for _, args := range [][]string{
		{"status", "--project", other},
		{"--project=" + other, "status"},
		{"ingest", "payments", "/etc/passwd", "--project", other},
		{"status", "--project", filepath.Join(dir, "nothing")},
		{"status", "--project", filepath.Join(dir, "streams")},
	} {
		if exit, printed := call(dir, args...); exit != 2 || !strings.Contains(printed, "the command is for the project in") {
			t.Errorf("%v: exit %d: %s", args, exit, printed)
		}
	}
	if exit, printed := call(other, "status"); exit != 2 {
		t.Errorf("from another project's folder: exit %d: %s", exit, printed)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for directory, project := range map[string]string{dir: ".", "/": dir, link: ".", filepath.Join(dir, "streams"): ".."} {
		if exit, printed := call(directory, "status", "--project", project); exit != 0 {
			t.Errorf("%s from %s: exit %d: %s", project, directory, exit, printed)
		}
	}
	u.stop(syscall.SIGTERM, 0)
}

// TestCommandsNotOverHTTP sends a command to the API with the owner's token.
func TestCommandsNotOverHTTP(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	u := bringUp(t, dir)
	body, err := json.Marshal(serve.Command{Args: []string{"export", "orders", "--to", filepath.Join(dir, "stolen.csv")}, Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.base+"/v1/commands", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+u.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("%d, want 404", answer.StatusCode)
	}
	info, err := os.Stat(filepath.Join(dir, ".bursar", "commands.sock"))
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket is %v, %v", info, err)
	}
	u.stop(syscall.SIGTERM, 0)
}

// TestDeepProject has its folder further down than the address of a socket is long.
func TestDeepProject(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("further-down/", 12), "shop")
	must(t, 0, "init", dir)
	u := bringUp(t, dir)
	v := value(t, must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir, "--json"))
	if v["accepted"] != 20.0 {
		t.Errorf("ingest says %v", v)
	}
	u.stop(syscall.SIGTERM, 0)
}
