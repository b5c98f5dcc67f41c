// Reading request bodies within limits of size, rate and time, before and after decompression.

package serve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"bursar/internal/event/live"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// maxBodyBytes bounds one body, as sent and decompressed.
	maxBodyBytes = live.MaxRequest
	// maxPoolBytes bounds all bodies in memory.
	maxPoolBytes = 256 << 20
	// bodyTimeout bounds the time to send a body. Each minBodyRate bytes received extend it by one second.
	bodyTimeout = 30 * time.Second
	minBodyRate = 256 << 10
)

var (
	errTooLarge = refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes, as sent or decompressed", maxBodyBytes),
		"send the events in several requests")
	errTooSlow  = refuse(http.StatusRequestTimeout, "the body arrived too slowly; none of it was accepted", "send less in a request")
	errCutOff   = refuse(http.StatusBadRequest, "the body ended early; none of it was accepted", "send the request again")
	errEncoding = refuse(http.StatusUnsupportedMediaType, "unknown Content-Encoding", "use gzip, zstd or none")
	errPoolFull = &refusal{
		status: http.StatusTooManyRequests, message: "too many request bodies are in memory", hint: "send the request again", retryAfter: defaultRetryAfter,
	}
)

// readBody reads and decompresses the body of a request. Its memory is reserved until release is called, which is
// necessary and safe after an error, too.
func (s *Server) readBody(rc *http.ResponseController, r *http.Request) (body []byte, release func(), err error) {
	reader := &bodyReader{body: r.Body, rc: rc, deadline: time.Now().Add(s.bodyTimeout)}
	memory := &reservation{pool: &s.bodyPool, reader: reader, gauge: s.metrics.bytes}
	release = memory.release
	if r.ContentLength > maxBodyBytes {
		return nil, release, errTooLarge
	}
	decompressed, closeDecompressor, err := decompress(reader, r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, release, reader.cause(err)
	}
	defer closeDecompressor()
	length := r.ContentLength
	if decompressed != io.Reader(reader) {
		length = -1
	}
	body, err = memory.read(decompressed, length)
	if err != nil {
		return nil, release, reader.cause(err)
	}
	return body, release, nil
}

func decompress(body io.Reader, encoding string) (decompressed io.Reader, closeDecompressor func(), err error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return body, func() {}, nil
	case "gzip", "x-gzip":
		zip, err := gzip.NewReader(body)
		return zip, func() {}, err
	case "zstd":
		zip, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, nil, err
		}
		return zip, zip.Close, nil
	}
	return nil, nil, errEncoding
}

// rateWindow is how long the reader waits for a client in total before it measures the client's rate.
const rateWindow = 2 * time.Second

// bodyReader reads a body as it is sent, before decompression.
type bodyReader struct {
	body     io.Reader
	rc       *http.ResponseController
	deadline time.Time // extended by one second for each minBodyRate bytes
	total    int64
	err      error // the first one other than io.EOF

	mu          sync.Mutex
	readStarted time.Time     // of the current read; zero if there is none
	waited      time.Duration // for the client, since its rate was last measured
	received    int64         // bytes since its rate was last measured
	slow        bool          // result of the last measurement
	aborted     bool          // other bodies need its memory
}

// Read reads from the body until its deadline or its maximum length.
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
		// After the end a passed deadline would look like a disconnected client. Until then the deadline stays: it also
		// bounds how long net/http reads the rest of a refused body.
		_ = p.rc.SetReadDeadline(time.Time{})
	case err != nil:
		return n, p.recordError(err)
	}
	return n, err
}

// beginRead sets the deadline of one read. It returns false if the body was aborted.
func (p *bodyReader) beginRead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aborted {
		return false
	}
	p.readStarted = time.Now()
	// The deadline is the connection's; only writers of tests do not support deadlines.
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

// isSlow reports whether the client is slower than minBodyRate.
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

// abort ends the current read and prevents further ones.
func (p *bodyReader) abort() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aborted = true
	_ = p.rc.SetReadDeadline(time.Unix(1, 0)) // only writers of tests do not support deadlines
}

func (p *bodyReader) recordError(err error) error {
	if p.err == nil {
		p.err = err
	}
	return err
}

// cause returns the reason why a body could not be read. err may be a decompressor's error that hides it.
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
	return refuse(http.StatusBadRequest, "the body cannot be decompressed; none of it was accepted", err.Error())
}
