// Multipart uploads.

package s3

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"bursar/internal/failure"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// maxParts is S3's limit.
const maxParts = 10_000

var errTooLarge = failure.Wrap(failure.Data, errors.New("S3 takes at most 10000 parts, which are 312 GiB here"))

// abortTimeout bounds an abort, which does not end with the context of its writer.
const abortTimeout = time.Minute

// upload sends the parts of one object, several at a time.
type upload struct {
	store   *Store
	key     string
	id      string
	ctx     context.Context
	cancel  context.CancelFunc
	signing func(*awss3.Options)
	sent    int32
	open    sync.WaitGroup

	mu   sync.Mutex
	done []types.CompletedPart
	err  error // the first one
}

func beginUpload(w *writer) (*upload, error) {
	begun, err := w.store.client.CreateMultipartUpload(w.ctx, &awss3.CreateMultipartUploadInput{
		Bucket: &w.store.config.Bucket, Key: &w.key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, Metadata: map[string]string{writerMetadata: w.id},
	})
	if err != nil {
		return nil, err
	}
	u := &upload{store: w.store, key: w.key, id: aws.ToString(begun.UploadId), signing: w.signing()}
	u.ctx, u.cancel = context.WithCancel(w.ctx)
	return u, nil
}

// send uploads a part in the background, and releases it. It waits while the store sends as many parts as it may.
func (u *upload) send(p *part) error {
	if err := u.failure(); err != nil || u.sent == maxParts {
		p.release()
		return errors.Join(err, u.limit())
	}
	select {
	case u.store.slots <- struct{}{}:
	case <-u.ctx.Done():
		p.release()
		return errors.Join(u.failure(), u.ctx.Err())
	}
	u.sent++
	number := u.sent
	u.open.Go(func() {
		defer func() { <-u.store.slots }()
		defer p.release()
		u.sendNow(number, p)
	})
	return nil
}

func (u *upload) limit() error {
	if u.sent == maxParts {
		return errTooLarge
	}
	return nil
}

func (u *upload) sendNow(number int32, p *part) {
	content, sum := &body{part: p}, p.checksum()
	defer content.end()
	out, err := u.store.client.UploadPart(u.ctx, &awss3.UploadPartInput{
		Bucket: &u.store.config.Bucket, Key: &u.key, UploadId: &u.id, PartNumber: &number,
		Body: content, ContentLength: aws.Int64(int64(p.size)), ChecksumCRC32C: sum,
	}, u.signing)
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case err == nil:
		u.done = append(u.done, types.CompletedPart{ETag: out.ETag, PartNumber: &number, ChecksumCRC32C: sum})
	case u.err == nil:
		u.err = err
		u.cancel() // the other parts are of no use
	}
}

func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// wait returns all parts when they are uploaded.
func (u *upload) wait() ([]types.CompletedPart, error) {
	u.open.Wait()
	if err := u.failure(); err != nil {
		return nil, err
	}
	slices.SortFunc(u.done, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	return u.done, nil
}

func (u *upload) complete(parts []types.CompletedPart, onlyNew bool) error {
	in := &awss3.CompleteMultipartUploadInput{
		Bucket: &u.store.config.Bucket, Key: &u.key, UploadId: &u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}
	if onlyNew {
		in.IfNoneMatch = aws.String("*")
	}
	_, err := u.store.client.CompleteMultipartUpload(u.ctx, in)
	return err
}

// abort stops the parts, waits for them, and removes what is stored of the upload. It may be repeated.
func (u *upload) abort() error {
	u.cancel()
	u.open.Wait() // a part that arrives after the abort would stay
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), abortTimeout)
	defer cancel()
	return u.store.abortUpload(ctx, types.MultipartUpload{Key: &u.key, UploadId: &u.id})
}
