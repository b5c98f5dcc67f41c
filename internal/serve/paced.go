// A body as it is sent: at a rate, and no longer than it may be.

package serve

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// paceWindow is how much waiting for a client shows whether it is slow: slower than bodyRate.
const paceWindow = 2 * time.Second

// paced is a body as it is sent.
type paced struct {
	from  io.Reader
	rc    *http.ResponseController
	until time.Time // and a second more for each bodyRate bytes
	bytes int64
	err   error // the first, other than the end

	mu     sync.Mutex
	began  time.Time     // of the read that waits; zero if none does
	waited time.Duration // for the client, since the last verdict
	got    int64         // bytes since then
	slow   bool          // the last verdict
	gaveUp bool          // its memory is wanted by others
}

// Read reads on while the client may take its time.
func (p *paced) Read(b []byte) (int, error) {
	if !p.begin() {
		return 0, p.fail(os.ErrDeadlineExceeded)
	}
	n, err := p.from.Read(b)
	p.end(n)
	if p.bytes += int64(n); p.bytes > bodyBytes {
		err = errTooLarge
	}
	switch {
	case errors.Is(err, io.EOF):
		// Once all is read the deadline would pass for a client that has gone. Until then it stays, as what is left of a
		// refused body is waited for as well.
		_ = p.rc.SetReadDeadline(time.Time{})
	case err != nil:
		return n, p.fail(err)
	}
	return n, err
}

// begin sets the deadline of one read; it is false once the body was given up.
func (p *paced) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gaveUp {
		return false
	}
	p.began = time.Now()
	// Deadlines are of the connection; a writer without them is a test's.
	_ = p.rc.SetReadDeadline(p.until.Add(time.Duration(p.bytes/bodyRate) * time.Second))
	return true
}

func (p *paced) end(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waited, p.got, p.began = p.waited+time.Since(p.began), p.got+int64(n), time.Time{}
	if p.waited >= paceWindow {
		p.slow = isSlow(p.got, p.waited)
		p.waited, p.got = 0, 0
	}
}

func isSlow(bytes int64, waited time.Duration) bool {
	return float64(bytes) < bodyRate*waited.Seconds()
}

// isSlow reports whether the client has been slower than bodyRate of late.
func (p *paced) isSlow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	waited := p.waited
	if !p.began.IsZero() {
		waited += time.Since(p.began)
	}
	if waited >= paceWindow {
		return isSlow(p.got, waited)
	}
	return p.slow
}

// giveUp ends the read under way, and lets no other begin.
func (p *paced) giveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gaveUp = true
	_ = p.rc.SetReadDeadline(time.Unix(1, 0)) // a writer without deadlines is a test's
}

func (p *paced) fail(err error) error {
	if p.err == nil {
		p.err = err
	}
	return err
}

// cause says why a body could not be read, which a decompressor says in words of its own.
func (p *paced) cause(err error) error {
	var refused *refusal
	switch {
	case errors.As(p.err, &refused):
		return refused
	case errors.Is(p.err, os.ErrDeadlineExceeded):
		return errTooSlow
	case p.err != nil:
		return errCutOff
	case errors.As(err, &refused):
		return refused
	}
	return refuse(http.StatusBadRequest, "the body cannot be decompressed; nothing of it was taken", err.Error())
}
