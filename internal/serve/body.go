// Reading bodies within bounds: of one body and of what a compressed one unfolds to.

package serve

import (
	"fmt"
	"io"
	"net/http"
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
	sent := &paced{from: r.Body, rc: rc, until: time.Now().Add(s.bodyTime)}
	b := &budget{all: &s.bodies, sent: sent, gauge: s.metrics.bytes}
	release = b.release
	if r.ContentLength > bodyBytes {
		return nil, release, errTooLarge
	}
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
