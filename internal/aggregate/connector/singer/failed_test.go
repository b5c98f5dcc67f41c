// Tests of programs that fail or print what they must not, and of secrets in what they print.

package singer

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/vault"
)

func TestFailures(t *testing.T) {
	t.Parallel()
	record := `{"type":"RECORD","stream":"a","record":{"id":1}}`
	for _, test := range []struct {
		name, script string
		class        failure.Class
		want         string
	}{
		{"exit 1", "echo first >&2; echo last >&2; exit 1", failure.Transient, "execute sh: exit code 1 after 0 records of 0 streams and 0 states; its standard error ends with:\nfirst\nlast"},
		{"silent", printing(schemaOfA, `{"type":"ACTIVATE_VERSION","stream":"a","version":1}`) + "exit 1", failure.Transient, "(1 ACTIVATE_VERSION messages were ignored)"},
		{"data", "exit 65", failure.Data, "exit code 65"},
		{"passing", "exit 75", failure.Transient, "exit code 75"},
		{"not found", "exec no-such-program-here", failure.Transient, "exit code 127"},
		{"log", printing(schemaOfA, "INFO starting"), failure.Data, "line 2 of its standard output is not a message of the Singer format"},
		{"list", printing(`[1]`), failure.Data, "line 1 of its standard output is not a message"},
		{"two", printing(record + record), failure.Data, "is not a message"},
		{"no type", printing(`{"stream":"a"}`), failure.Data, `a message has the type ""`},
		{"other type", printing(`{"type":"record"}`), failure.Data, `a message has the type "record"; expected SCHEMA, RECORD, STATE`},
		{"batch", printing(schemaOfA, `{"type":"BATCH","stream":"a","encoding":{},"manifest":[]}`), failure.Data, `line 2 of its standard output: the stream "a" is sent as files (BATCH)`},
		{"no schema", printing("", record), failure.Data, `line 2 of its standard output: a record of the stream "a" comes before its SCHEMA message`},
		{"no stream", printing(`{"type":"SCHEMA","schema":{}}`), failure.Data, "a SCHEMA message names no stream"},
		{"bad schema", printing(`{"type":"SCHEMA","stream":"a","schema":[]}`), failure.Data, `the schema of the stream "a" is not an object`},
		{"bad keys", printing(`{"type":"SCHEMA","stream":"a","schema":{},"key_properties":"id"}`), failure.Data, "key_properties"},
		{"bad record", printing(schemaOfA, `{"type":"RECORD","stream":"a","record":[1]}`), failure.Data, `a record of the stream "a" (key "id") is not an object`},
		{"no value", printing(`{"type":"STATE"}`), failure.Data, "a STATE message has no value"},
		{"long state", `printf '{"type":"STATE","value":"%1048577d"}\n' 1`, failure.Data, "a state has more than 1048576 bytes"},
		{"cut", `printf '{"type":"STATE","va'`, failure.Transient, "its standard output ends within line 1"},
		{"long name", printing(`{"type":"` + strings.Repeat("é", 100) + `"}`), failure.Data, `"` + strings.Repeat("é", 50) + `…"`},
		{"streams", `awk 'BEGIN { for (i = 0; i < 20000; i++) printf "{\"type\":\"SCHEMA\",\"stream\":\"%d\",\"schema\":{}}\n", i }'`, failure.Data, "line 10001 of its standard output: there are more than 10000 streams"},
		{"long line", `head -c 70000000 /dev/zero | tr '\0' x; sleep 1000`, failure.Data, "line 1 of its standard output has more than 67108864 bytes"},
		{"endless", `yes`, failure.Data, "line 1 of its standard output is not a message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFetch(t, test.script)
			err := f.run(t.Context())
			if err == nil || failure.Of(err) != test.class || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, want %v", failure.Of(err), err, test.want)
			}
			f.check(t)
		})
	}
}

// TestStderrIsBounded: its last lines are in the error.
func TestStderrIsBounded(t *testing.T) {
	t.Parallel()
	f := newFetch(t, "yes 0123456789abcdef | head -n 1000000 >&2; echo the end >&2; exit 1")
	err := f.run(t.Context())
	var e *ExitError
	if !errors.As(err, &e) || len(e.Stderr) > 64<<10 || len(e.Stderr) < 63<<10 || !strings.HasSuffix(e.Stderr, "\nthe end\n") ||
		!strings.HasPrefix(e.Stderr, "0123") || len(err.Error()) > 2200 || !strings.HasSuffix(err.Error(), "\nthe end") {
		t.Errorf("got %v", err)
	}
}

// TestSecrets: a secret is in no error, however the program prints it, and in no file after the fetch.
func TestSecrets(t *testing.T) {
	t.Parallel()
	canary := "canary/with \"quotes\"+öther"
	key := "-----BEGIN KEY-----\nMIIcanaryAAAAAAAAAAAAAAAA\nBBBBBBBcanaryBBBBBBBBBBBBB\n-----END KEY-----\n"
	for name, script := range map[string]string{
		"stderr": `cat "$2" >&2; echo "$S" >&2; echo "postgres://u:$Q@h/d" >&2; echo "$K" | sed 's/^/  /' >&2; exit 1`,
		"stdout": `echo "$S"`,
		"type":   `printf '{"type":"%s"}\n' "$Q"`,
		"stream": `printf '{"type":"RECORD","stream":"%s","record":{}}\n' "$Q"`,
		"cut":    `for i in $(seq 20000); do echo "$Q" >&2; done; exit 1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFetch(t, script)
			f.credentials = map[string]vault.Secret{
				"password": vault.NewSecret(canary), "key": vault.NewSecret(key), "env.S": vault.NewSecret(canary), "env.K": vault.NewSecret(key),
			}
			f.settings["env.Q"] = url.QueryEscape(canary) // as a program writes it into a URL
			err := f.run(t.Context())
			text := fmt.Sprintf("%v %+v %s", err, err, err)
			var e *ExitError
			if errors.As(err, &e) {
				text += e.Stderr
			}
			if err == nil || strings.Contains(text, "canary") || strings.Contains(text, "anary%") {
				t.Errorf("got %s", text)
			}
			checkNoFile(t, f.folder, "canary")
		})
	}
}

// checkNoFile fails the test if a file in a folder contains a text.
func checkNoFile(t *testing.T, folder, text string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), text) {
			t.Errorf("%s contains %s", path, text)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestAbandonedFolders: the folder of a process that was killed is deleted, and one that is in use is not.
func TestAbandonedFolders(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	used, err := newPrivateFolder(in)
	if err != nil {
		t.Fatal(err)
	}
	abandoned, err := newPrivateFolder(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := abandoned.write("config.json", []byte("canary")); err != nil {
		t.Fatal(err)
	}
	if err := abandoned.lock.Unlock(); err != nil { // as the system does
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(in, privatePrefix+"link")); err != nil {
		t.Fatal(err)
	}
	next, err := newPrivateFolder(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abandoned.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the abandoned folder: %v", err)
	}
	for _, path := range []string{used.path, next.path, elsewhere} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(used.remove(), next.remove()); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(elsewhere, "*")); len(left) > 0 {
		t.Errorf("a link was followed: %v", left)
	}
	if _, err := newPrivateFolder(filepath.Join(in, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestFolderInMemory: without another place, secrets are in memory where the system has a file system there.
func TestFolderInMemory(t *testing.T) {
	t.Parallel()
	f, err := newPrivateFolder("")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(memoryFolder); err == nil && info.IsDir() && filepath.Dir(f.path) != memoryFolder {
		t.Errorf("the folder is %s", f.path)
	}
	if err := f.remove(); err != nil {
		t.Error(err)
	}
}
