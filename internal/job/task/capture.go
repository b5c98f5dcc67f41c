// Captures the output of a task: its first and its last bytes are kept, and secrets are replaced.

package task

import (
	"bytes"
	"strings"
	"sync"
)

const (
	// minSecret is the least bytes of a secret that is replaced in output: shorter ones are parts of other words.
	minSecret = 6
	redacted  = "[redacted]"
)

// capture is the output of an attempt. It is an io.Writer that never fails, and safe for concurrent use.
type capture struct {
	mu       sync.Mutex
	secrets  *redactor
	live     func([]byte)
	half     int // bytes that are kept at each end
	head     []byte
	tail     []byte // at most twice half, so that it is rarely moved
	total    int64
	redacted []byte // reused
}

func newCapture(keep int, secrets []string, live func([]byte)) *capture {
	return &capture{secrets: newRedactor(secrets), live: live, half: max(keep, 0) / 2}
}

// capture returns what captures the output of an attempt.
func (e *Executor) capture(a *attempt) *capture { return newCapture(e.job.Output, a.secrets, a.Live) }

func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.redacted = c.secrets.add(c.redacted[:0], p, false)
	c.keep(c.redacted)
	return len(p), nil
}

func (c *capture) keep(p []byte) {
	if len(p) == 0 {
		return
	}
	if c.live != nil {
		c.live(p)
	}
	c.total += int64(len(p))
	n := min(c.half-len(c.head), len(p))
	c.head, p = append(c.head, p[:n]...), p[n:]
	if len(p) > c.half {
		c.tail, p = c.tail[:0], p[len(p)-c.half:]
	}
	c.tail = append(c.tail, p...)
	if over := len(c.tail) - c.half; over > c.half {
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
}

// end returns what is kept, and how many bytes are missing between its halves.
func (c *capture) end() (kept []byte, cut int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(c.secrets.add(nil, nil, true))
	tail := c.tail[max(len(c.tail)-c.half, 0):]
	kept = append(c.head[:len(c.head):len(c.head)], tail...)
	return kept, c.total - int64(len(kept))
}

// redactor replaces secrets in a stream. It keeps back no more than what may be the beginning of one.
type redactor struct {
	secrets [][]byte
	first   [256]bool // bytes that secrets begin with
	rest    []byte    // not decided
	covered int       // bytes at the beginning of rest that belong to a secret
}

func newRedactor(secrets []string) *redactor {
	r := &redactor{}
	for _, s := range secrets {
		if len(s) >= minSecret {
			r.secrets = append(r.secrets, []byte(s))
			r.first[s[0]] = true
		}
	}
	return r
}

// add appends to out what is decided of the stream after p. At the end of the stream, the beginning of a secret is replaced, too.
func (r *redactor) add(out, p []byte, end bool) []byte {
	if len(r.secrets) == 0 {
		return append(out, p...)
	}
	r.rest = append(r.rest, p...)
	at := 0
	for at < len(r.rest) {
		matched, open := r.match(r.rest[at:])
		if open && !end {
			break
		}
		if open && len(r.rest)-at >= minSecret {
			matched = len(r.rest) - at
		}
		if matched > 0 && r.covered == 0 {
			out = append(out, redacted...)
		}
		if r.covered = max(r.covered, matched); r.covered > 0 {
			r.covered--
		} else {
			out = append(out, r.rest[at])
		}
		at++
	}
	r.rest = append(r.rest[:0], r.rest[at:]...)
	return out
}

// match returns how many bytes of a secret some bytes begin with, and whether they may be the beginning of a longer one.
func (r *redactor) match(p []byte) (matched int, open bool) {
	if !r.first[p[0]] {
		return 0, false
	}
	for _, s := range r.secrets {
		switch {
		case bytes.HasPrefix(p, s):
			matched = max(matched, len(s))
		case bytes.HasPrefix(s, p):
			open = true
		}
	}
	return matched, open
}

// redact replaces secrets in a text.
func redact(s string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) >= minSecret && strings.Contains(s, secret) {
			return string(newRedactor(secrets).add(nil, []byte(s), true))
		}
	}
	return s
}
