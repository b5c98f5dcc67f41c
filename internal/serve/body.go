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
	// maxBodyBytes bounds a body, as it is sent and unfolded.
	maxBodyBytes = event.MaxRequest
	// maxPoolBytes bounds all bodies in memory.
	maxPoolBytes = 256 << 20
	// bodyTimeout is how long a client may take to send a body, and a second more for each bodyRate bytes of it.
	bodyTimeout = 30 * time.Second
	minBodyRate = 256 << 10
)

var (
	errTooLarge = refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes, as sent or decompressed", maxBodyBytes),
		"send the events in several requests")
	errTooSlow  = refuse(http.StatusRequestTimeout, "the body came too slowly; nothing of it was taken", "send less in a request")
	errCutOff   = refuse(http.StatusBadRequest, "the body ended early; nothing of it was taken", "send the request again")
	errEncoding = refuse(http.StatusUnsupportedMediaType, "the Content-Encoding is not known", "use gzip, zstd or none")
	errPoolFull = &refusal{
		status: http.StatusTooManyRequests, message: "too many events are on their way in", hint: "send the request again", retryAfter: defaultRetryAfter,
	}
)

// readBody reads a request's events, decompressed. The memory they take is counted until release, which may be called
// whatever the error.
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

// decompress decompresses what is sent.
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
