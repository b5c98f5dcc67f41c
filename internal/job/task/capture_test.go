// Tests of captured output: what is kept, and that no secret is in it, however the output is divided into writes.

package task

import (
	"fmt"
	"strings"
	"testing"
)

func TestCaptureKeepsBothEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		keep  int
		lines int
	}{{0, 3}, {1, 3}, {10, 0}, {10, 1}, {16, 2}, {16, 3}, {20, 100}, {1000, 100}, {1000, 10_000}} {
		var all, live strings.Builder
		out := newCapture(c.keep, nil, func(p []byte) { live.Write(p) })
		for i := range c.lines {
			_, _ = fmt.Fprintf(out, "line %d\n", i)
			fmt.Fprintf(&all, "line %d\n", i)
		}
		got, cut := out.end()
		half, want := c.keep/2, all.String()
		if len(want) > 2*half {
			want = want[:half] + want[len(want)-half:]
		}
		if string(got) != want || int(cut) != all.Len()-len(want) || live.String() != all.String() {
			t.Errorf("keep %d of %d lines: %d bytes cut, %q, want %q", c.keep, c.lines, cut, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	secrets := []string{"hunter2secret", "secrets-overlap", "short", "prefix", "prefix-longer", "aaaaaaa"}
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"nothing here", "nothing here"},
		{"user hunter2secret ok", "user [redacted] ok"},
		{"hunter2secrets-overlap!", "[redacted]!"},
		{"short stays", "short stays"},
		{"prefix-longe prefix-longer.", "[redacted]-longe [redacted]."},
		{"aaaaaaaaaaaaaaaaaaaab", "[redacted]b"},
		{"hunter2secrethunter2secret", "[redacted][redacted]"},
		{"the end is hunter2", "the end is [redacted]"},
		{"the end is hunt", "the end is hunt"},
		{"hunter2secret\nprefix\n", "[redacted]\n[redacted]\n"},
	} {
		for pieces := range 8 {
			r := newRedactor(secrets)
			var got []byte
			for rest := []byte(c.in); len(rest) > 0; {
				n := len(rest)
				if pieces > 0 {
					n = min(pieces, n)
				}
				got, rest = r.add(got, rest[:n], false), rest[n:]
			}
			if got = r.add(got, nil, true); string(got) != c.want {
				t.Errorf("%q in pieces of %d: %q, want %q", c.in, pieces, got, c.want)
			}
		}
	}
}

// FuzzRedact looks for secrets in what is left of any output.
func FuzzRedact(f *testing.F) {
	f.Add("hunter2", "secret", "a hunter2secret", uint8(3))
	f.Add("aaaaaa", "aaaaaab", "aaaaaaaaaaaab", uint8(1))
	f.Fuzz(func(t *testing.T, one, two, text string, size uint8) {
		out := newCapture(1<<20, []string{one, two}, nil)
		for rest := text; rest != ""; {
			n := min(int(size%16)+1, len(rest))
			_, _ = out.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		kept, cut := out.end()
		for _, part := range strings.Split(string(kept), redacted) {
			for _, secret := range []string{one, two} {
				if len(secret) >= minSecret && strings.Contains(part, secret) {
					t.Errorf("%q with %q, %q: %q", text, one, two, kept)
				}
			}
		}
		if isPlain := (len(one) < minSecret || !strings.Contains(text, one[:minSecret])) && (len(two) < minSecret || !strings.Contains(text, two[:minSecret])); cut != 0 || isPlain && string(kept) != text {
			t.Errorf("%q became %q", text, kept)
		}
	})
}
