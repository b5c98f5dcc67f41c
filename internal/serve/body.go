// Reading request bodies within limits of size and time, before and after decompression.

package serve

import (
	"fmt"
	"io"
	"net/http"
	"strings"
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

// decompress returns a reader of the decompressed body.
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
