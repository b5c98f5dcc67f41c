// Tests of the inbox: files that come, grow, fail and are moved.

package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/inbox"
)

// stableFor is short, so that tests are, and long against what they do meanwhile.
const stableFor = 50 * time.Millisecond

// taker is a stream's intake: it accepts everything unless it has errors to return.
type taker struct {
	mu     sync.Mutex
	errors map[string][]error // by file name, one a try
	taken  chan string        // names, "," between those that came together
	during func(path string)  // called for each file while it is taken; may be nil
}

func (k *taker) take(_ context.Context, stream string, paths []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []string
	for _, path := range paths {
		name := filepath.Base(path)
		names = append(names, name)
		if k.during != nil {
			k.during(path)
		}
		if list := k.errors[name]; len(list) > 0 {
			if len(paths) == 1 || list[0] == nil {
				k.errors[name] = list[1:]
			}
			if list[0] != nil {
				return list[0]
			}
		}
	}
	k.taken <- stream + ": " + strings.Join(names, ",")
	return nil
}

type stage struct {
	t    *testing.T
	dir  string
	logs *logs
	k    *taker
}

func start(t *testing.T, errs map[string][]error, files ...string) *stage {
	t.Helper()
	return startWith(t, errs, nil, files...)
}

// startWith is start with a taker during whose work something happens.
func startWith(t *testing.T, errs map[string][]error, during func(path string), files ...string) *stage {
	t.Helper()
	return startIn(t, filepath.Join(t.TempDir(), "inbox"), errs, during, files...)
}

func startIn(t *testing.T, dir string, errs map[string][]error, during func(path string), files ...string) *stage {
	t.Helper()
	s := &stage{t: t, dir: dir, logs: &logs{}, k: &taker{errors: errs, taken: make(chan string, 100), during: during}}
	for i, name := range files {
		s.file(name, name)
		at := time.Unix(int64(i), 0)
		if err := os.Chtimes(s.path(name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		inbox.Watch(ctx, inbox.Options{
			Dir: s.dir, Streams: []string{"bank", "sales"}, Ingest: s.k.take, StableFor: stableFor, Log: slog.New(slog.NewTextHandler(s.logs, nil)),
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Error("the watch does not end")
		}
	})
	return s
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *stage) file(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) expectTaken(want string) {
	s.t.Helper()
	select {
	case got := <-s.k.taken:
		if got != want {
			s.t.Errorf("taken: %q, want %q", got, want)
		}
	case <-time.After(20 * time.Second):
		s.t.Fatalf("%q is not taken; log: %s", want, s.logs)
	}
}

// await waits until the folder contains exactly these files.
func (s *stage) await(want ...string) {
	s.t.Helper()
	var got []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		got = nil
		err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				name, _ := filepath.Rel(s.dir, path)
				got = append(got, filepath.ToSlash(name))
			}
			return nil
		})
		if err == nil && reflect.DeepEqual(got, want) {
			return
		}
	}
	s.t.Fatalf("the inbox contains %q, want %q; log: %s", got, want, s.logs)
}

// awaitLogged waits until a text is logged so many times.
func (s *stage) awaitLogged(text string, times int) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		if strings.Count(s.logs.String(), text) == times {
			return
		}
	}
	s.t.Fatalf("%q is not logged %d times: %s", text, times, s.logs)
}

type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestFilesThatWait(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "sales/b.jsonl", "sales/a.jsonl", "sales/.hidden", "sales/c.jsonl.PART", "sales/d.tmp", "sales/e.partial", "sales/f.crdownload")
	s.expectTaken("sales: b.jsonl,a.jsonl")
	s.await("sales/.hidden", "sales/c.jsonl.PART", "sales/d.tmp", "sales/e.partial", "sales/f.crdownload", "sales/taken/a.jsonl", "sales/taken/b.jsonl")
}

func TestNewFilesAndNamesOnceUsed(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for n, want := range []string{"taken/a.jsonl.gz", "taken/a-2.jsonl.gz", "taken/a-3.jsonl.gz"} {
		s.file("bank/.a", fmt.Sprint(n))
		if err := os.Rename(s.path("bank/.a"), s.path("bank/a.jsonl.gz")); err != nil {
			t.Fatal(err)
		}
		s.expectTaken("bank: a.jsonl.gz")
		for end := time.Now().Add(20 * time.Second); ; <-time.After(5 * time.Millisecond) {
			if text, err := os.ReadFile(s.path("bank/" + want)); err == nil && string(text) == fmt.Sprint(n) {
				break
			} else if time.Now().After(end) {
				t.Fatal(want, err)
			}
		}
	}
}

func TestGrowingFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux reports open writers")
	}
	s := start(t, nil)
	s.file("sales/old.jsonl", "x")
	s.expectTaken("sales: old.jsonl")
	out, err := os.Create(s.path("sales/grows.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	// Others come and go while it is open, long after it is stable.
	for n := range 4 {
		s.file(fmt.Sprintf("sales/other%d.jsonl", n), "x")
		s.expectTaken(fmt.Sprintf("sales: other%d.jsonl", n))
	}
	if _, err := out.WriteString("whole"); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	s.expectTaken("sales: grows.jsonl")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	bad := failure.Wrap(failure.Data, errors.New("the file ends too early"))
	s := start(t, map[string][]error{
		"bad.jsonl":  {bad},
		"full.jsonl": {failure.Throttle(10*time.Millisecond, errors.New("busy")), fmt.Errorf("write: %w", syscall.ENOSPC), nil},
	}, "sales/good.jsonl", "sales/bad.jsonl", "sales/last.jsonl", "bank/full.jsonl")
	s.await("bank/taken/full.jsonl", "sales/failed/bad.jsonl", "sales/failed/bad.jsonl.error.txt", "sales/taken/good.jsonl", "sales/taken/last.jsonl")
	if text, err := os.ReadFile(s.path("sales/failed/bad.jsonl.error.txt")); err != nil || string(text) != "the file ends too early\n" {
		t.Errorf("the reason is %q, %v", text, err)
	}
	var taken []string
	for range 3 {
		taken = append(taken, <-s.k.taken)
	}
	slices.Sort(taken)
	if want := []string{"bank: full.jsonl", "sales: good.jsonl", "sales: last.jsonl"}; !reflect.DeepEqual(taken, want) {
		t.Errorf("taken: %q, want %q", taken, want)
	}
}

func TestWhatIsNoFile(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "sales/folder/x.jsonl", "other/y.jsonl", "z.jsonl")
	if err := os.Symlink(s.path("z.jsonl"), s.path("sales/link.jsonl")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(s.path("sales/pipe.jsonl"), 0o600); err != nil {
		t.Fatal(err)
	}
	for n := range 3 { // what is left is looked at again each time
		s.file(fmt.Sprintf("sales/a%d.jsonl", n), "x")
		s.expectTaken(fmt.Sprintf("sales: a%d.jsonl", n))
	}
	s.await("other/y.jsonl", "sales/folder/x.jsonl", "sales/link.jsonl", "sales/pipe.jsonl", "sales/taken/a0.jsonl", "sales/taken/a1.jsonl", "sales/taken/a2.jsonl", "z.jsonl")
	for _, name := range []string{"other", "z.jsonl", "sales/link.jsonl", "sales/pipe.jsonl", "sales/folder"} {
		s.awaitLogged("path="+s.path(name)+"\n", 1)
	}
}
