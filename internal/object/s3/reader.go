// Readers: a range is one request, and reads that follow one another share one.

package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"bursar/internal/failure"
	"bursar/internal/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// reader reads one version of an object. A read at the beginning, or where the read before it ended, starts a response that
// reaches to the end of the object, and the next such read continues it; the connection's buffers read ahead. Any other read
// requests its range only, and ends what nobody continued.
type reader struct {
	store  *Store
	name   string
	key    string
	size   int64
	ctx    context.Context // ends with Close, not with the context that opened the reader
	cancel context.CancelFunc

	mu      sync.Mutex
	version string    // ETag; empty until the first response if the reader was opened without a request
	idle    *response // where the next sequential read continues, or nil
	next    int64     // where the last read ended
	closed  bool
}

// response is the content of an object from at to end.
type response struct {
	io.ReadCloser
	at, end int64
	expiry  *time.Timer // while it is idle
}

func newReader(ctx context.Context, s *Store, name, key string, size int64, version string) *reader {
	r := &reader{store: s, name: name, key: key, size: size, version: version}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return r
}

func (r *reader) Size() int64 { return r.size }

// ReadAt reads a range. It may be called from several goroutines, and after an error it may be repeated.
func (r *reader) ReadAt(b []byte, at int64) (n int, err error) {
	switch {
	case at < 0:
		return 0, fmt.Errorf("read object %s: negative offset %d", r.name, at)
	case r.isClosed():
		return 0, fmt.Errorf("read object %s: %w", r.name, fs.ErrClosed)
	case at >= r.size:
		return 0, io.EOF
	}
	wanted := b[:min(int64(len(b)), r.size-at)]
	for tries := 1; n < len(wanted); tries++ {
		var read int
		read, err = r.readSome(wanted[n:], at+int64(n))
		if n += read; err == nil {
			break
		}
		if tries == attempts || !isCut(err) || r.ctx.Err() != nil {
			return n, r.failed(err)
		}
		if err := r.pause(tries); err != nil {
			return n, r.failed(err)
		}
	}
	if len(wanted) < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// cutError is a failure in the middle of a response. The rest is requested again.
type cutError struct{ error }

func (e *cutError) Unwrap() error { return e.error }

func isCut(err error) bool {
	var cut *cutError
	return errors.As(err, &cut)
}

func (r *reader) pause(failures int) error {
	timer := time.NewTimer(r.store.tuning.backoff.After(failures))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.ctx.Done():
		return fs.ErrClosed
	}
}

// readSome reads from one response.
func (r *reader) readSome(b []byte, at int64) (int, error) {
	in, err := r.take(at, at+int64(len(b)))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(in, b)
	in.at += int64(n)
	if err != nil {
		_ = in.Close()
		return n, &cutError{err}
	}
	r.keep(in)
	return n, nil
}

// take returns a response at the offset: the idle one, or a new one that reaches at least to end.
func (r *reader) take(at, end int64) (*response, error) {
	r.mu.Lock()
	in := r.idle
	r.idle = nil
	if in != nil && in.at == at {
		r.mu.Unlock()
		in.expiry.Stop()
		return in, nil
	}
	if in != nil {
		in.expiry.Stop()
		_ = in.Close() // only read
	}
	if at == 0 || at == r.next {
		end = r.size
	}
	version := r.version
	r.mu.Unlock()
	return r.request(at, end, version)
}

// keep keeps the rest of a response for the next read.
func (r *reader) keep(in *response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = in.at
	if in.at < in.end && !r.closed {
		in, r.idle = r.idle, in
		kept := r.idle
		kept.expiry = time.AfterFunc(r.store.tuning.stall, func() { r.drop(kept) })
	}
	if in != nil {
		_ = in.Close() // only read
	}
}

// drop closes a response that nobody continues, because it occupies a connection.
func (r *reader) drop(in *response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.idle == in {
		r.idle = nil
		_ = in.Close() // only read
	}
}

func (r *reader) request(at, end int64, version string) (*response, error) {
	in := &awss3.GetObjectInput{Bucket: &r.store.config.Bucket, Key: &r.key, Range: aws.String(fmt.Sprintf("bytes=%d-%d", at, end-1))}
	if version != "" {
		in.IfMatch = &version
	}
	out, err := r.store.client.GetObject(r.ctx, in)
	if err != nil {
		return nil, err
	}
	if err := r.checkResponse(out, at, end); err != nil {
		return nil, errors.Join(err, out.Body.Close())
	}
	return &response{ReadCloser: out.Body, at: at, end: end}, nil
}

var (
	errNoRanges = failure.Wrap(failure.Data, errors.New("the server does not serve byte ranges, which Bursar needs"))
	errReplaced = fmt.Errorf("it was replaced after it was opened: %w", fs.ErrNotExist)
)

// checkResponse checks that a response is the range that was requested, of the version that this reader reads.
func (r *reader) checkResponse(out *awss3.GetObjectOutput, at, end int64) error {
	size := aws.ToInt64(out.ContentLength)
	if text := aws.ToString(out.ContentRange); text != "" {
		var first, last int64
		if _, err := fmt.Sscanf(strings.ReplaceAll(text, "/", " "), "bytes %d-%d %d", &first, &last, &size); err != nil || first != at {
			return errNoRanges
		}
	}
	if size != r.size {
		return object.ErrSize(r.name, size, r.size)
	}
	if aws.ToInt64(out.ContentLength) != end-at {
		return errNoRanges
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	got := aws.ToString(out.ETag)
	if r.version = cmp.Or(r.version, got); r.version != got {
		return errReplaced
	}
	return nil
}

func (r *reader) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Close ends the reads that are going on, too.
func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("close object %s: %w", r.name, fs.ErrClosed)
	}
	r.closed = true
	r.cancel()
	if r.idle != nil {
		r.idle.expiry.Stop()
		_ = r.idle.Close() // only read
		r.idle = nil
	}
	return nil
}

func (r *reader) failed(err error) error {
	switch {
	case r.ctx.Err() != nil:
		return fmt.Errorf("read object %s: %w", r.name, fs.ErrClosed)
	case errorCode(err) == codePrecondition:
		err = errReplaced
	case errorCode(err) == codeRange: // only without a version: the size is not the one that was expected
		err = fmt.Errorf("%w: it has less than the %d bytes that are expected", object.ErrDamaged, r.size)
	}
	return r.store.failed("read object", r.name, err)
}
