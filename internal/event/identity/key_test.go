// The secret's file, and digests that must stay what they are: indexes are made of them.

package identity

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
