// Reading bodies within bounds: of one body, of all of them together, of time, and of what a compressed one unfolds to.

package serve

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"bursar/internal/event"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// bodyBytes bounds a body, as it is sent and unfolded.
	bodyBytes = event.MaxRequest
	// bodiesBytes bounds all bodies in memory.
	bodiesBytes = 256 << 20
	// bodyTime is how long a client may take to send a body, and a second more for each bodyRate bytes of it.
	bodyTime = 30 * time.Second
	bodyRate = 256 << 10
	// firstBytes is where a body of unknown length begins.
	firstBytes = 64 << 10
)

var (
	errTooLarge = refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes, as sent or decompressed", bodyBytes),
		"send the events in several requests")
	errTooSlow  = refuse(http.StatusRequestTimeout, "the body came too slowly; nothing of it was taken", "send less in a request")
	errCutOff   = refuse(http.StatusBadRequest, "the body ended early; nothing of it was taken", "send the request again")
	errEncoding = refuse(http.StatusUnsupportedMediaType, "the Content-Encoding is not known", "use gzip, zstd or none")
	errBodies   = &refusal{
		status: http.StatusTooManyRequests, message: "too many events are on their way in", hint: "send the request again", after: retryLater,
	}
)

// readBody reads a request's events, decompressed. The memory they take is counted until release, which may be called
// whatever the error.
func (s *Server) readBody(rc *http.ResponseController, r *http.Request) (body []byte, release func(), err error) {
	b := &budget{server: s}
	release = b.release
	if r.ContentLength > bodyBytes {
		return nil, release, errTooLarge
	}
	sent := &paced{from: r.Body, rc: rc, until: time.Now().Add(s.bodyTime)}
	unfolded, closeUnfolded, err := unfold(sent, r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, release, sent.cause(err)
	}
	defer closeUnfolded()
	length := r.ContentLength
	if unfolded != io.Reader(sent) {
		length = -1
	}
	body, err = b.read(unfolded, length)
	if err != nil {
		return nil, release, sent.cause(err)
	}
	return body, release, nil
}

// unfold decompresses what is sent.
func unfold(sent io.Reader, encoding string) (from io.Reader, end func(), err error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return sent, func() {}, nil
	case "gzip", "x-gzip":
		zip, err := gzip.NewReader(sent)
		return zip, func() {}, err
	case "zstd":
		zip, err := zstd.NewReader(sent, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, nil, err
		}
		return zip, zip.Close, nil
	}
	return nil, nil, errEncoding
}

// budget is what one body takes of the memory for all.
type budget struct {
	server *Server
	taken  int64
}

func (b *budget) take(n int64) error {
	if !b.server.bodies.TryAcquire(n) {
		return errBodies
	}
	b.taken += n
	b.server.metrics.bytes.Add(float64(n))
	return nil
}

func (b *budget) release() {
	b.server.bodies.Release(b.taken)
	b.server.metrics.bytes.Sub(float64(b.taken))
	b.taken = 0
}

// read reads all, of the length if it is known. One byte more than the limit is room enough to see that there is more.
func (b *budget) read(from io.Reader, length int64) ([]byte, error) {
	room := int64(firstBytes)
	if length >= 0 {
		room = length + 1
	}
	if err := b.take(room); err != nil {
		return nil, err
	}
	body := make([]byte, 0, room)
	for {
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > bodyBytes:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		}
		if len(body) == cap(body) {
			more := min(int64(cap(body)), bodyBytes+1-int64(cap(body)))
			if err := b.take(more); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, int64(cap(body))+more), body...)
		}
	}
}

// paced is a body as it is sent: at a rate, and no longer than it may be.
type paced struct {
	from  io.Reader
	rc    *http.ResponseController
	until time.Time // and a second more for each bodyRate bytes
	bytes int64
	err   error // the first, other than the end
}

func (p *paced) Read(b []byte) (int, error) {
	// Deadlines are of the connection; a writer without them is a test's.
	_ = p.rc.SetReadDeadline(p.until.Add(time.Duration(p.bytes/bodyRate) * time.Second))
	n, err := p.from.Read(b)
	if p.bytes += int64(n); p.bytes > bodyBytes {
		err = errTooLarge
	}
	switch {
	case errors.Is(err, io.EOF):
		// Once all is read the deadline would pass for a client that has gone. Until then it stays, as what is left of a
		// refused body is waited for as well.
		_ = p.rc.SetReadDeadline(time.Time{})
	case err != nil && p.err == nil:
		p.err = err
	}
	return n, err
}

// cause tells why a body could not be read, which a decompressor says in words of its own.
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
