// Tests of fetches: what is delivered, in which order, how often, and what is refused.

package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"

	"github.com/pkg/sftp"
)

func TestFetch(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, c *client) {
		c.settings["pattern"] = "*.xml"
		c.put("b.xml", "first", 1000)
		c.put("a.xml", "second", 2000)
		c.put("c.xml", "third", 2000)
		for _, name := range []string{"d.csv", ".e.xml", "f.xml.part", "g.xml.TMP", "h.filepart"} {
			c.put(name, "no", 1000)
		}
		c.put("empty.xml", "", 1000)
		if err := os.Mkdir(filepath.Join(c.folder, "folder.xml"), 0o700); err != nil {
			t.Fatal(err)
		}
		c.expect("b.xml=first", "a.xml=second", "c.xml=third")
		if c.states != 1 || c.progress != "3/3" || c.waits != 1 {
			t.Errorf("%d states, progress %s, %d waits", c.states, c.progress, c.waits)
		}
		c.expect()
		if c.states != 0 || c.waits != 0 {
			t.Errorf("nothing is new, and there are %d states, %d waits", c.states, c.waits)
		}
		c.put("late.xml", "with an old time", 500)
		c.put("between.xml", "of the same time", 2000)
		c.put("d.xml", "new", 3000)
		// What is beside a file that arrived late may be delivered again.
		c.expect("late.xml=with an old time", "b.xml=first", "a.xml=second", "between.xml=of the same time", "c.xml=third", "d.xml=new")
		c.put("d.xml", "changed", 4000)
		c.expect("d.xml=changed")
		c.remove("d.xml")
		c.expect()
		c.put("d.xml", "again", 4000)
		c.expect("d.xml=again")
	})
}

// TestBeingWritten: a file that changes between two lists is left to the next fetch, and its state is not one that knows it.
func TestBeingWritten(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, c *client) {
		c.put("a", "complete", 1000)
		c.put("b", "begin", 2000)
		c.put("c", "vanishes", 3000)
		c.onWait = func() {
			c.put("b", "begin and end", 2001)
			c.put("d", "comes", 4000)
			c.remove("c")
		}
		c.expect("a=complete")
		c.onWait = nil
		c.expect("b=begin and end", "d=comes")
		c.settings["settled"] = "0s"
		c.put("e", "at once", 5000)
		if c.expect("e=at once"); c.waits != 0 {
			t.Errorf("%d waits", c.waits)
		}
	})
}

// TestChangedWhileRead: a file that is not as it was listed is left to the next fetch.
func TestChangedWhileRead(t *testing.T) {
	t.Parallel()
	places(t, func(_ *testing.T, c *client) {
		c.put("a", "first", 1000)
		c.put("b", "second", 2000)
		c.put("c", "third", 3000)
		c.put("d", "fourth", 4000)
		c.onDocument = func(name string) error {
			if name == "a" {
				c.put("b", "second and more", 2000)
				c.put("d", "cut", 4000)
				c.remove("c")
			}
			return nil
		}
		c.expect("a=first")
		c.onDocument = nil
		c.expect("b=second and more", "d=cut")
	})
}

// TestRefused: what can't be read is named at each fetch, and does not keep others from being delivered.
func TestRefused(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, c *client) {
		outside := filepath.Join(c.project, "outside")
		if err := os.WriteFile(outside, []byte("canary"), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, target := range map[string]string{"link": outside, "relative": "../outside", "dangling": "none"} {
			if err := os.Symlink(target, filepath.Join(c.folder, name)); err != nil {
				t.Fatal(err)
			}
		}
		c.put("a", "first", 1000)
		c.put("large", "x", 1500)
		if err := os.Truncate(filepath.Join(c.folder, "large"), connector.MaxBody+1); err != nil {
			t.Fatal(err)
		}
		c.put("z", "last", 2000)
		for i := range 2 {
			err := c.fetch(t.Context())
			if err == nil || failure.Of(err) != failure.Data || strings.Contains(err.Error(), "canary") {
				t.Fatalf("got %v", err)
			}
			for _, want := range []string{"read 4 files of ", `"large": it has 67108865 bytes, more than 67108864`, `"link": it is a link`, `"relative": `, `"dangling": `} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
			}
			if want := []string{"a=first", "z=last"}; i == 0 && !slices.Equal(c.delivered, want) || i == 1 && len(c.delivered) > 0 {
				t.Errorf("fetch %d delivered %v", i, c.delivered)
			}
		}
	})
}

// TestLargest: a file of the largest size is delivered, also by a server.
func TestLargest(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it encrypts 128 MiB")
	}
	places(t, func(_ *testing.T, c *client) {
		c.put("a", strings.Repeat("0123456789abcdef", connector.MaxBody/16), 1000)
		c.expect("a=0123456789abcdef0123")
	})
}

func TestLinkInside(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	if err := os.Mkdir(filepath.Join(c.folder, "archive"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.put("archive/a", "linked", 1000)
	if err := os.Symlink("archive/a", filepath.Join(c.folder, "b")); err != nil {
		t.Fatal(err)
	}
	c.expect("b=linked")
}

// TestNotReadable: a file that this user may not read is refused by name.
func TestNotReadable(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.put("a", "first", 1000)
	c.put("b", "second", 1000)
	s := newServer(t, c.folder)
	c.reach(s.start())
	for refusal, class := range map[error]failure.Class{sftp.ErrSSHFxPermissionDenied: failure.Data, sftp.ErrSSHFxFailure: failure.Transient} {
		s.onRead = func(name string) error {
			if name == "a" {
				return refusal
			}
			return nil
		}
		c.cursor = ""
		err := c.fetch(t.Context())
		if failure.Of(err) != class || !strings.Contains(err.Error(), `read 1 files of `+c.settings["url"]+`: "a": `) || !slices.Equal(c.delivered, []string{"b=second"}) {
			t.Errorf("%v: got %v, %v", refusal, err, c.delivered)
		}
	}
	s.onRead = nil
	c.expect("a=first", "b=second")
}

// TestInterrupted: a first fetch of many files goes on where it ended.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for i := range 2500 {
		c.put(fmt.Sprintf("%04d", i), "x", int64(1000+i))
	}
	full := errors.New("the disk is full")
	c.onDocument = func(name string) error {
		if name == "2100" {
			return full
		}
		return nil
	}
	if err := c.fetch(t.Context()); !errors.Is(err, full) || c.states != 2 {
		t.Fatalf("got %v after %d states", err, c.states)
	}
	c.onDocument = nil
	if err := c.fetch(t.Context()); err != nil || len(c.delivered) != 500 || c.delivered[0] != "2000=x" {
		t.Errorf("%v, %d files, from %s", err, len(c.delivered), c.delivered[0])
	}
	c.expect()
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, c *client) {
		c.put("a", "first", 1000)
		c.put("b", "second", 2000)
		ctx, cancel := context.WithCancel(t.Context())
		c.onDocument = func(string) error { cancel(); return nil }
		if err := c.fetch(ctx); failure.Of(err) != failure.Transient || !errors.Is(err, context.Canceled) || len(c.delivered) != 1 || c.states != 0 {
			t.Errorf("got %v, %v, %d states", err, c.delivered, c.states)
		}
	})
}

func TestWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	if err := wait(ctx, 0); err != nil {
		t.Error(err)
	}
	cancel()
	if err := wait(ctx, time.Hour); failure.Of(err) != failure.Transient {
		t.Errorf("got %v", err)
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	s, err := c.logIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	var unknown *connector.UnknownAccountError
	if err := s.Fetch(t.Context(), connector.Request{Account: "other"}, c); !errors.As(err, &unknown) {
		t.Errorf("got %v", err)
	}
	if accounts, err := s.List(t.Context()); err != nil || !slices.Equal(accounts, []connector.Account{{ID: "main", Name: "statements"}}) {
		t.Errorf("got %v, %v", accounts, err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, value, want string }{
		{"url", "", "set url to a folder"},
		{"url", "none", "open the folder of statements: "},
		{"url", "file", "open the folder of statements: "},
		{"url", "https://host/path", "expected a folder, or sftp://host/path"},
		{"url", "sftp:///path", "expected a folder, or sftp://host/path"},
		{"url", "sftp://user:canary@host/path", "user and password are credentials"},
		{"url", "sftp://user:canary@ho st/path", "not a valid URL"},
		{"url", "sftp://host/path", "set host_key to the key of host:22"},
		{"host_key", "SHA256:x", "only SFTP servers have one"},
		{"pattern", "[", `"[" is not a pattern of names`},
		{"pattern", "a/*", "is not a pattern of names"},
		{"settled", "5", "is not a duration"},
		{"settled", "2m", "is not a duration of up to a minute"},
		{"other", "1", "there is no such setting"},
	} {
		c := newClient(t)
		if err := os.WriteFile(filepath.Join(c.project, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c.settings[test.name] = test.value
		if err := c.fetch(t.Context()); err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s %s: got %v, want %s", test.name, test.value, err, test.want)
		}
	}
}
