// Writers: an object of up to one part is one request, a larger one is a multipart upload.

package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"

	"bursar/internal/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// writerMetadata is the metadata that identifies the writer of an object. If the answer to a request was lost, it shows whether
// the object is this writer's.
const writerMetadata = "bursar-writer"

type writer struct {
	ctx     context.Context // of Create; uploads end with it
	store   *Store
	name    string
	key     string
	onlyNew bool
	id      string // for writerMetadata

	part   *part
	upload *upload // of a large object, until it is complete or aborted
	err    error   // the first one
	ended  bool
}

func newWriter(ctx context.Context, s *Store, name, key string, onlyNew bool) object.Writer {
	return &writer{ctx: ctx, store: s, name: name, key: key, onlyNew: onlyNew, id: rand.Text(), part: &part{limit: s.tuning.partSize}}
}

func (w *writer) Write(b []byte) (n int, err error) {
	if w.ended {
		return 0, fmt.Errorf("write object %s: %w", w.name, fs.ErrClosed)
	}
	for n < len(b) && w.err == nil {
		if w.part.size == w.part.limit {
			w.err = w.sendPart()
			continue
		}
		n += w.part.write(b[n:])
	}
	return n, w.store.failed("write object", w.name, w.err)
}

// sendPart uploads the part in the background.
func (w *writer) sendPart() (err error) {
	if w.upload == nil {
		if w.upload, err = beginUpload(w); err != nil {
			return err
		}
	}
	full := w.part
	w.part = &part{limit: full.limit}
	return w.upload.send(full)
}

// Commit makes the object visible. After an error it aborts the upload.
func (w *writer) Commit() error {
	if w.ended {
		return fmt.Errorf("commit object %s: %w", w.name, fs.ErrClosed)
	}
	w.ended = true
	defer w.part.release()
	err := w.err
	switch {
	case err != nil:
	case w.upload == nil:
		err = w.put()
	default:
		err = w.completeUpload()
	}
	if err == nil {
		return nil
	}
	_ = w.abortUpload() // Abort tries it again, and reports it
	return w.store.failed("commit object", w.name, err)
}

// Abort discards what was uploaded. It works also if the context of Create has ended.
func (w *writer) Abort() error {
	if !w.ended {
		w.ended = true
		w.part.release()
	}
	return w.store.failed("abort object", w.name, w.abortUpload())
}

func (w *writer) abortUpload() error {
	if w.upload == nil {
		return nil
	}
	err := w.upload.abort()
	if err == nil {
		w.upload = nil
	}
	return err
}

// signing says how uploads are signed. Objects that must be new, such as spools, have no description that readers compare them with.
func (w *writer) signing() func(*awss3.Options) {
	if w.onlyNew {
		return func(*awss3.Options) {}
	}
	return unsigned
}

// put writes a small object.
func (w *writer) put() error {
	content := &body{part: w.part}
	defer content.end()
	in := &awss3.PutObjectInput{
		Bucket: &w.store.config.Bucket, Key: &w.key, Body: content, ContentLength: aws.Int64(int64(w.part.size)), ChecksumCRC32C: w.part.checksum(),
	}
	if w.onlyNew {
		in.IfNoneMatch, in.Metadata = aws.String("*"), map[string]string{writerMetadata: w.id}
	}
	_, err := w.store.client.PutObject(w.ctx, in, w.signing())
	return w.settle(err)
}

func (w *writer) completeUpload() error {
	if err := w.sendPart(); err != nil {
		return err
	}
	parts, err := w.upload.wait()
	if err != nil {
		return err
	}
	if err := w.settle(w.upload.complete(parts, w.onlyNew)); err != nil {
		return err
	}
	w.upload.cancel()
	w.upload = nil
	return nil
}

// settle returns the result of making the object. If an error does not say whose object there is, it asks.
func (w *writer) settle(err error) error {
	if !w.isUndecided(err) {
		return err
	}
	head, headErr := w.store.client.HeadObject(w.ctx, &awss3.HeadObjectInput{Bucket: &w.store.config.Bucket, Key: &w.key})
	switch {
	case headErr == nil && head.Metadata[writerMetadata] == w.id:
		return nil
	case headErr == nil && statusOf(err) == 0:
		return fs.ErrExist
	case headErr != nil && statusOf(err) != 0 && !errors.Is(diagnose(headErr).is, fs.ErrNotExist):
		return headErr // who made the object is not known
	}
	return err
}

// isUndecided reports whether an error leaves open whose object there is. A refusal is also the answer to a repeated request if only
// the first answer was lost. Without an answer, a server may have refused a new object before it has read the content: the refusal is lost
// while the content is being sent.
func (w *writer) isUndecided(err error) bool {
	switch status := statusOf(err); {
	case err == nil:
		return false
	case status != 0:
		return status == http.StatusPreconditionFailed || errorCode(err) == codeNoUpload
	}
	var network *net.OpError
	sent := !errors.As(err, &network) || network.Op != "dial"
	return w.onlyNew && sent
}
