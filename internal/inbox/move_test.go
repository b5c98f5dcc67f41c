// Moving files away: only what was read is moved, under any name that a file can have.

package inbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bursar/internal/failure"
)

// TestReplacedWhileTaken: the file that takes another's place while that one is read is not moved with it.
func TestReplacedWhileTaken(t *testing.T) {
	t.Parallel()
	var once sync.Once
	s := startWith(t, nil, func(path string) {
		once.Do(func() {
			next := filepath.Join(filepath.Dir(path), ".next")
			if err := errors.Join(os.WriteFile(next, []byte("the next"), 0o600), os.Rename(next, path)); err != nil {
				t.Error(err)
			}
		})
	}, "sales/daily.jsonl")
	s.expectTaken("sales: daily.jsonl")
	s.expectTaken("sales: daily.jsonl")
	s.await("sales/taken/daily.jsonl")
	if text, err := os.ReadFile(s.path("sales/taken/daily.jsonl")); err != nil || string(text) != "the next" {
		t.Errorf("%q was taken last, %v", text, err)
	}
}

// TestGrownWhileTaken: likewise the same file with more in it.
func TestGrownWhileTaken(t *testing.T) {
	t.Parallel()
	var once sync.Once
	s := startWith(t, nil, func(path string) {
		once.Do(func() {
			if err := os.WriteFile(path, []byte("longer than before"), 0o600); err != nil {
				t.Error(err)
			}
		})
	}, "sales/daily.jsonl")
	s.expectTaken("sales: daily.jsonl")
	s.expectTaken("sales: daily.jsonl")
	s.await("sales/taken/daily.jsonl")
}

// TestLongNames: a name may be as long as the file system takes; numbers and reasons still find room.
func TestLongNames(t *testing.T) {
	t.Parallel()
	bad := failure.Wrap(failure.Data, errors.New("the file ends too early"))
	long := func(length int, ending string) string { return strings.Repeat("é", (length-len(ending))/2) + ending }
	names := []string{long(255, "x.jsonl.gz"), long(246, ".jsonl"), "a." + long(253, "b"), strings.Repeat("c", 255)}
	errs := map[string][]error{}
	for _, name := range names {
		errs[name] = []error{bad, nil, nil}
	}
	s := start(t, errs)
	for _, name := range names {
		for range 3 { // refused, taken, and taken once more under the same name
			s.file("sales/"+name, name)
			for end := time.Now().Add(20 * time.Second); ; <-time.After(5 * time.Millisecond) {
				if _, err := os.Lstat(s.path("sales/" + name)); errors.Is(err, os.ErrNotExist) {
					break
				} else if time.Now().After(end) {
					t.Fatalf("%s is still there: %v; log: %s", name, err, s.logs)
				}
			}
		}
	}
	for folder, want := range map[string]int{"sales/taken": 2 * len(names), "sales/failed": 2 * len(names), "sales": 2} {
		if entries, err := os.ReadDir(s.path(folder)); err != nil || len(entries) != want {
			t.Errorf("%s contains %d entries, want %d: %v", folder, len(entries), want, err)
		}
	}
}

// TestUnmovable: a file that cannot be moved is not handed on again, and keeps back no other.
func TestUnmovable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "inbox")
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "sales"), 0o755), syscall.Mkfifo(filepath.Join(dir, "sales", "taken"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s := startIn(t, dir, nil, nil, "sales/a.jsonl")
	s.expectTaken("sales: a.jsonl")
	for _, name := range []string{"b.jsonl", "c.jsonl"} {
		s.file("sales/"+name, name)
		s.expectTaken("sales: " + name)
	}
	s.awaitLogged("move a file out of the inbox", 3) // it is logged after the file was handed on
	if err := os.Remove(s.path("sales/taken")); err != nil {
		t.Fatal(err)
	}
	s.await("sales/taken/a.jsonl", "sales/taken/b.jsonl", "sales/taken/c.jsonl")
	if n := strings.Count(s.logs.String(), "move a file out of the inbox"); n != 3 {
		t.Errorf("%d lines, want one a file: %s", n, s.logs)
	}
}

// TestOneThatPasses: a file whose error may pass keeps back no other, as long as it lasts.
func TestOneThatPasses(t *testing.T) {
	t.Parallel()
	changed := failure.Wrap(failure.Transient, errors.New("it changed while it was read"))
	errs := map[string][]error{"b.jsonl": nil}
	for range 10 {
		errs["b.jsonl"] = append(errs["b.jsonl"], changed)
	}
	s := start(t, errs, "sales/a.jsonl", "sales/b.jsonl", "sales/c.jsonl")
	s.expectTaken("sales: a.jsonl")
	s.expectTaken("sales: c.jsonl")
	s.await("sales/b.jsonl", "sales/taken/a.jsonl", "sales/taken/c.jsonl")
}

// TestNoFolder: what lies where a stream's folder should be keeps back that stream only.
func TestNoFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "inbox"), 0o755), syscall.Mkfifo(filepath.Join(dir, "inbox", "bank"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s := startIn(t, filepath.Join(dir, "inbox"), nil, nil, "sales/a.jsonl")
	s.expectTaken("sales: a.jsonl")
	if !strings.Contains(s.logs.String(), "bank") {
		t.Errorf("nothing is logged of the folder: %s", s.logs)
	}
}
