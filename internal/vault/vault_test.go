// Tests of a vault's operations, its keys and its bounds.

package vault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"bursar/internal/failure"

	"filippo.io/age"
)

// place is a project folder with the environment of a user.
type place struct {
	project   string
	variables map[string]string
	keyFile   string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir := t.TempDir()
	p := &place{filepath.Join(dir, "project"), map[string]string{}, filepath.Join(dir, "config", "bursar", "vault.key")}
	if err := os.Mkdir(p.project, 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) environment() Environment {
	return Environment{Lookup: func(name string) (string, bool) { value, ok := p.variables[name]; return value, ok }, KeyFile: p.keyFile}
}

func (p *place) vault() *Vault { return New(p.project, p.environment()) }

// initialized returns a place with a vault.
func initialized(t *testing.T) *place {
	t.Helper()
	p := newPlace(t)
	if _, err := p.vault().Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) set(t *testing.T, name, value string) {
	t.Helper()
	if _, _, err := p.vault().Set(t.Context(), name, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

// want checks that the vault contains exactly these secrets.
func (p *place) want(t *testing.T, secrets map[string]string) {
	t.Helper()
	list, err := p.vault().List()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	if !slices.Equal(names, slices.Sorted(maps.Keys(secrets))) {
		t.Errorf("list %v, want those of %v", names, secrets)
	}
	for name, value := range secrets {
		if got, err := p.vault().Resolve(name); err != nil || got.Reveal() != value {
			t.Errorf("%s is %q, %v, want %q", name, got.Reveal(), err, value)
		}
	}
}

// wantError checks an error's text, its class and its exit code.
func wantError(t *testing.T, err error, code int, parts ...string) {
	t.Helper()
	if err == nil || failure.Of(err) != failure.Data || failure.ExitCode(err) != code {
		t.Errorf("error %v has class %v and exit code %d, want data and %d", err, failure.Of(err), failure.ExitCode(err), code)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not contain %q", err, part)
		}
	}
}

func TestSetListRemove(t *testing.T) {
	t.Parallel()
	p, ctx := initialized(t), t.Context()
	p.want(t, nil)
	p.set(t, "b", "second\nline")
	p.set(t, "a", "first")
	entry, isNew, err := p.vault().Set(ctx, "b", []byte("changed"))
	if err != nil || isNew || entry.Name != "b" || entry.Set.IsZero() {
		t.Errorf("set again: %+v, %v, %v", entry, isNew, err)
	}
	p.want(t, map[string]string{"a": "first", "b": "changed"})
	if err := p.vault().Remove(ctx, "a"); err != nil {
		t.Error(err)
	}
	p.want(t, map[string]string{"b": "changed"})
	if err := p.vault().Remove(ctx, "a"); !errors.Is(err, ErrUnknown) {
		t.Errorf("remove again: %v", err)
	}
	if _, err := p.vault().Resolve("a"); !errors.Is(err, ErrUnknown) {
		t.Errorf("resolve what is removed: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(p.project, "vault.age"))
	if err != nil || !strings.HasPrefix(string(text), "-----BEGIN AGE ENCRYPTED FILE-----\n") || strings.Contains(string(text), "changed") {
		t.Errorf("the vault is %q, %v", text, err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	p, ctx := initialized(t), t.Context()
	for _, name := range []string{"", "A", "1a", "a-b", "a.b", "a b", "ü", "db=hunter2", strings.Repeat("a", 65)} {
		_, _, err := p.vault().Set(ctx, name, []byte("x"))
		wantError(t, err, 1, "set secret: what is given is not a valid name")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v shows a value in place of a name", err)
		}
	}
	for _, value := range []string{"", "\x00", "hunter\xff", strings.Repeat("x", 64<<10+1)} {
		if _, _, err := p.vault().Set(ctx, "a", []byte(value)); err == nil || len(value) > 1 && strings.Contains(err.Error(), value) {
			t.Errorf("a value of %d bytes: %v", len(value), err)
		}
	}
	p.want(t, nil)
	var err error
	stored := map[string]string{}
	for i := 0; err == nil && i < 20; i++ {
		name, value := fmt.Sprint("large_", i), strings.Repeat("x", 64<<10)
		if _, _, err = p.vault().Set(ctx, name, []byte(value)); err == nil {
			stored[name] = value
		}
	}
	wantError(t, err, 1, "more than 1048576 bytes")
	if len(stored) < 5 {
		t.Errorf("only %d values of the largest size fit", len(stored))
	}
	p.want(t, stored)
}

func TestInit(t *testing.T) {
	t.Parallel()
	p, ctx := newPlace(t), t.Context()
	_, err := p.vault().List()
	wantError(t, err, 2, "bursar vault init")
	made, err := p.vault().Init(ctx)
	if err != nil || !made.Created || made.KeyFile != p.keyFile || made.Vault != filepath.Join(p.project, "vault.age") {
		t.Fatalf("made %+v, %v", made, err)
	}
	info, err := os.Stat(p.keyFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the key file: %v, %v", info.Mode(), err)
	}
	if _, err := p.vault().Init(ctx); !errors.Is(err, ErrExists) {
		t.Errorf("init again: %v", err)
	}
	p.set(t, "a", "1")
	// A second project of the user uses the key that exists.
	second := newPlace(t)
	second.keyFile = p.keyFile
	if made, err := second.vault().Init(ctx); err != nil || made.Created {
		t.Errorf("made %+v, %v", made, err)
	}
	// A moved project is opened by the same key, and a copy of it on another machine by a copy of the key.
	if err := os.Rename(p.project, p.project+"2"); err != nil {
		t.Fatal(err)
	}
	p.project += "2"
	p.want(t, map[string]string{"a": "1"})
}

func TestKeyPlaces(t *testing.T) {
	t.Parallel()
	p := initialized(t)
	p.set(t, "a", "1")
	want := map[string]string{"a": "1"}
	text, err := os.ReadFile(p.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	var key string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "AGE-SECRET-KEY-1") {
			key = line
		}
	}
	defaultFile := p.keyFile
	p.keyFile = ""
	_, err = p.vault().List()
	wantError(t, err, 2, "BURSAR_VAULT_KEY", "BURSAR_VAULT_KEY_FILE")
	p.variables["BURSAR_VAULT_KEY"] = key
	p.want(t, want)
	p.variables["BURSAR_VAULT_KEY_FILE"] = defaultFile
	_, err = p.vault().List()
	wantError(t, err, 2, "unset one of them")
	delete(p.variables, "BURSAR_VAULT_KEY")
	p.want(t, want)
	// A link to a key file is followed.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(defaultFile, link); err != nil {
		t.Fatal(err)
	}
	p.variables["BURSAR_VAULT_KEY_FILE"] = link
	p.want(t, want)
	for _, mode := range []os.FileMode{0o604, 0o640, 0o644, 0o610} {
		if err := os.Chmod(defaultFile, mode); err != nil {
			t.Fatal(err)
		}
		_, err = p.vault().List()
		wantError(t, err, 2, "others may read the key file", "chmod 600 "+defaultFile)
	}
	p.variables["BURSAR_VAULT_KEY_FILE"] = filepath.Join(t.TempDir(), "none")
	_, err = p.vault().List()
	wantError(t, err, 2, "the key of the vault is missing", p.variables["BURSAR_VAULT_KEY_FILE"])
	// A key in the project would be committed, also if a link leads there.
	inside := filepath.Join(p.project, "key")
	linked := filepath.Join(t.TempDir(), "linked")
	if err := errors.Join(os.WriteFile(inside, []byte(key), 0o600), os.Symlink(p.project, linked)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{inside, filepath.Join(p.project, "not", "yet"), filepath.Join(linked, "key")} {
		p.variables["BURSAR_VAULT_KEY_FILE"] = file
		_, err = p.vault().List()
		wantError(t, err, 2, "is in the project folder")
	}
	delete(p.variables, "BURSAR_VAULT_KEY_FILE")
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	p.variables["BURSAR_VAULT_KEY"] = other.String()
	_, err = p.vault().List()
	wantError(t, err, 2, "no key of BURSAR_VAULT_KEY opens the vault")
	wantError(t, err, 2, LostKey)
	for _, bad := range []string{" \n# only a comment", "AGE-SECRET-KEY-1WRONG", key + "\nx", "x" + key} {
		p.variables["BURSAR_VAULT_KEY"] = bad
		_, err = p.vault().List()
		wantError(t, err, 2, "BURSAR_VAULT_KEY")
		if strings.Contains(err.Error(), "WRONG") || strings.Contains(err.Error(), strings.TrimSpace(key)) {
			t.Errorf("%v shows a key", err)
		}
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	p, ctx := initialized(t), t.Context()
	p.set(t, "a", "1")
	want := map[string]string{"a": "1"}
	old, err := os.ReadFile(p.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	oldVault, err := os.ReadFile(p.vault().path())
	if err != nil {
		t.Fatal(err)
	}
	if made, err := p.vault().Rotate(ctx, ""); err != nil || made.KeyFile != p.keyFile {
		t.Fatalf("rotated %+v, %v", made, err)
	}
	p.want(t, want)
	outdated := *p
	outdated.keyFile = filepath.Join(t.TempDir(), "old.key")
	if err := os.WriteFile(outdated.keyFile, old, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = outdated.vault().List()
	wantError(t, err, 2, "no key of "+outdated.keyFile+" opens the vault")
	// As a crash between both writes leaves it: the key file has both keys, the vault is the old one. A change keeps its key.
	if err := os.WriteFile(p.vault().path(), oldVault, 0o600); err != nil {
		t.Fatal(err)
	}
	p.want(t, want)
	p.set(t, "b", "2")
	want["b"] = "2"
	p.want(t, want)
	outdated.want(t, want)
	// A key in a variable is replaced by a file.
	_, key, err := p.vault().read()
	if err != nil {
		t.Fatal(err)
	}
	p.variables[keyVariable] = key.String()
	_, err = p.vault().Rotate(ctx, "")
	wantError(t, err, 2, "--key-file")
	_, err = p.vault().Rotate(ctx, p.keyFile)
	wantError(t, err, 2, "exists")
	_, err = p.vault().Rotate(ctx, filepath.Join(p.project, "key"))
	wantError(t, err, 2, "is in the project folder")
	p.want(t, want)
	file := filepath.Join(t.TempDir(), "new", "key")
	if made, err := p.vault().Rotate(ctx, file); err != nil || made.KeyFile != file {
		t.Fatalf("rotated %+v, %v", made, err)
	}
	_, err = p.vault().List()
	wantError(t, err, 2, "no key of BURSAR_VAULT_KEY")
	p.variables = map[string]string{keyFileVariable: file}
	p.want(t, want)
}

func TestDamagedVault(t *testing.T) {
	t.Parallel()
	p := initialized(t)
	p.set(t, "a", "value-of-a")
	whole, err := os.ReadFile(p.vault().path())
	if err != nil {
		t.Fatal(err)
	}
	changed := []byte(strings.Replace(string(whole), "\n", "\nAAAA", 1))
	for _, text := range [][]byte{nil, []byte("a: plain-text-secret"), whole[:len(whole)/2], changed, make([]byte, 2<<20)} {
		if err := os.WriteFile(p.vault().path(), text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := p.vault().Resolve("a")
		wantError(t, err, 2, "read secret a: ")
		if strings.Contains(err.Error(), "plain-text") {
			t.Errorf("%v quotes the file", err)
		}
		if _, _, err := p.vault().Set(context.Background(), "b", []byte("x")); err == nil {
			t.Error("a damaged vault is replaced")
		}
	}
	// A document of a newer version is named as such.
	_, err = parseContents([]byte(`{"version":2,"secrets":{}}`))
	wantError(t, err, 2, "newer version")
}

func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	p := initialized(t)
	want := map[string]string{}
	var done sync.WaitGroup
	for i := range 8 {
		name := fmt.Sprint("secret_", i)
		want[name] = "value of " + name
		done.Go(func() {
			if _, _, err := p.vault().Set(context.Background(), name, []byte("value of "+name)); err != nil {
				t.Error(err)
			}
			if _, err := p.vault().Resolve(name); err != nil {
				t.Error(err)
			}
		})
	}
	done.Go(func() {
		for range 3 {
			if _, err := p.vault().Rotate(context.Background(), ""); err != nil {
				t.Error(err)
			}
		}
	})
	done.Wait()
	p.want(t, want)
}
