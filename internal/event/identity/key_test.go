// The secret's file, and digests that must stay what they are: indexes are made of them.

package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/failure"
)

// TestDigestsAreThose compares digests of a known secret: others would find no event of an index again.
func TestDigestsAreThose(t *testing.T) {
	t.Parallel()
	key, err := newKey(bytes.Repeat([]byte{7}, secretSize))
	if err != nil {
		t.Fatal(err)
	}
	padded := Pad([]byte("an id"))
	got := fmt.Sprintf("%s %s %016x", key.Check(), key.ID(padded), key.Content(padded))
	if want := "470315a80ac3d295 097ead7bb78e6d4d302178cf7884fff4 2955ad626ec577e9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPad(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := range 100 {
		for _, end := range []string{"", "\x80", "\x80\x00", "\x00"} {
			text := strings.Repeat("\x00", n) + "x" + end
			padded := string(Pad([]byte(text)))
			if len(padded)%blockSize != 0 || !strings.HasPrefix(padded, text) || seen[padded] {
				t.Errorf("%q becomes %q", text, padded)
			}
			seen[padded] = true
		}
	}
}

// memory is a place for a secret.
type memory struct{ secret []byte }

func (m *memory) String() string            { return "identity_key in the vault" }
func (m *memory) Write(secret []byte) error { m.secret = secret; return nil }
func (m *memory) Read() ([]byte, error) {
	if m.secret == nil {
		return nil, fs.ErrNotExist
	}
	return m.secret, nil
}

// TestShared opens the folders of a project on several machines.
func TestShared(t *testing.T) {
	t.Parallel()
	recorded := ""
	open := func(m *memory, renew bool) *File {
		return OpenShared(m, Shared{Check: recorded, Renew: renew, Record: func(check string) error { recorded = check; return nil }})
	}
	first, second := &memory{}, &memory{}
	f := open(first, false)
	if err := errors.Join(f.Fault(), f.Verify()); err != nil || first.secret != nil || recorded != "" {
		t.Fatalf("a key is missing or made before its first use: %v", err)
	}
	key, err := f.Key()
	if err != nil || first.secret == nil || recorded != key.Check() {
		t.Fatalf("the first use: recorded %q, %v", recorded, err)
	}
	if again, err := open(first, false).Key(); err != nil || again.Check() != recorded {
		t.Errorf("the first folder again: %v", err)
	}
	for _, m := range []*memory{second, {secret: bytes.Repeat([]byte{7}, secretSize)}} {
		before := m.secret
		f := open(m, false)
		_, errKey := f.Key()
		_, errRenew := f.Renew()
		for _, err := range []error{f.Fault(), f.Verify(), errKey, errRenew} {
			if err == nil || !strings.Contains(err.Error(), "copy vault.age from the machine that") || failure.Of(err) != failure.Data {
				t.Errorf("a folder with another key or none: %v", err)
			}
		}
		if !bytes.Equal(m.secret, before) {
			t.Error("a folder without the project's key got one")
		}
	}
	if key, err := open(second, true).Renew(); err != nil || recorded != key.Check() || second.secret == nil {
		t.Errorf("a new key on request: recorded %q, %v", recorded, err)
	}
	if open(first, false).Fault() == nil {
		t.Error("the folder with the key of before is not refused")
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "identity.key")
	checkOf := func(depended bool) string {
		t.Helper()
		f, err := Open(InFile(path), depended)
		if err != nil {
			t.Fatal(err)
		}
		key, err := f.Key()
		if err != nil {
			return err.Error()
		}
		return key.Check()
	}
	if got := checkOf(true); got != path+" is missing" {
		t.Error(got)
	}
	first := checkOf(false)
	if again := checkOf(true); len(first) != 16 || again != first {
		t.Errorf("%q, then %q", first, again)
	}
	if err := os.Truncate(path, 5); err != nil {
		t.Fatal(err)
	}
	if got := checkOf(true); got != path+" has 5 bytes, want 32" {
		t.Error(got)
	}
	f, err := Open(InFile(path), true)
	if err != nil {
		t.Fatal(err)
	}
	key, err := f.Renew()
	if err != nil || key.Check() == first {
		t.Fatalf("%v, %v", key, err)
	}
	if same, err := f.Renew(); err != nil || same != key || checkOf(true) != key.Check() {
		t.Error("an existing key is replaced")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}
