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

// rateWindow is how much waiting for a client shows whether it is slow: slower than bodyRate.
const rateWindow = 2 * time.Second

// bodyReader is a body as it is sent.
type bodyReader struct {
	body     io.Reader
	rc       *http.ResponseController
	deadline time.Time // and a second more for each bodyRate bytes
	total    int64
	err      error // the first, other than the end

	mu          sync.Mutex
	readStarted time.Time     // of the read that waits; zero if none does
	waited      time.Duration // for the client, since the last verdict
	received    int64         // bytes since then
	slow        bool          // the last verdict
	aborted     bool          // its memory is wanted by others
}

// Read reads on while the client may take its time.
func (p *bodyReader) Read(b []byte) (int, error) {
	if !p.beginRead() {
		return 0, p.recordError(os.ErrDeadlineExceeded)
	}
	n, err := p.body.Read(b)
	p.endRead(n)
	if p.total += int64(n); p.total > maxBodyBytes {
		err = errTooLarge
	}
	switch {
	case errors.Is(err, io.EOF):
		// Once all is read the deadline would pass for a client that has gone. Until then it stays, as what is left of a
		// refused body is waited for as well.
		_ = p.rc.SetReadDeadline(time.Time{})
	case err != nil:
		return n, p.recordError(err)
	}
	return n, err
}

// beginRead sets the deadline of one read; it is false once the body was given up.
func (p *bodyReader) beginRead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aborted {
		return false
	}
	p.readStarted = time.Now()
	// Deadlines are of the connection; a writer without them is a test's.
	_ = p.rc.SetReadDeadline(p.deadline.Add(time.Duration(p.total/minBodyRate) * time.Second))
	return true
}

func (p *bodyReader) endRead(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waited, p.received, p.readStarted = p.waited+time.Since(p.readStarted), p.received+int64(n), time.Time{}
	if p.waited >= rateWindow {
		p.slow = isSlow(p.received, p.waited)
		p.waited, p.received = 0, 0
	}
}

func isSlow(bytes int64, waited time.Duration) bool {
	return float64(bytes) < minBodyRate*waited.Seconds()
}

// isSlow reports whether the client has been slower than bodyRate of late.
func (p *bodyReader) isSlow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	waited := p.waited
	if !p.readStarted.IsZero() {
		waited += time.Since(p.readStarted)
	}
	if waited >= rateWindow {
		return isSlow(p.received, waited)
	}
	return p.slow
}

// abort ends the read under way, and lets no other begin.
func (p *bodyReader) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aborted = true
	_ = p.rc.SetReadDeadline(time.Unix(1, 0)) // a writer without deadlines is a test's
}

func (p *bodyReader) recordError(err error) error {
	if p.err == nil {
		p.err = err
	}
	return err
}

// cause says why a body could not be read, which a decompressor says in words of its own.
func (p *bodyReader) cause(err error) error {
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
