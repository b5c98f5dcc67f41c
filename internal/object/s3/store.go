// Package s3 stores objects in a bucket of S3, or of a server that speaks its protocol. It owns the keys under its prefix. It
// guarantees what object.Store promises to any number of processes on any machines, with memory bounded by a part for each
// writer and a few for uploads. It must not know what objects contain, and no error of it contains a credential (rule 8).
package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bursar/internal/failure"
	"bursar/internal/object"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// maxKey is S3's limit for a key, in bytes.
const maxKey = 1024

// concurrentParts is how many parts of large objects a store uploads at a time.
const concurrentParts = 4

// Store is an object.Store in a bucket.
type Store struct {
	client  *awss3.Client
	config  Config
	region  string
	tuning  tuning
	counter *counter
	slots   chan struct{} // of part uploads
}

var _ object.Store = (*Store)(nil)

// Open returns the store of a bucket that exists and whose objects may be listed: it lists one.
func Open(ctx context.Context, c Config) (*Store, error) {
	return open(ctx, c, standard)
}

func open(ctx context.Context, c Config, t tuning) (*Store, error) {
	s, err := newStore(ctx, c, t)
	if err != nil {
		return nil, err
	}
	if _, err := s.page(ctx, "", nil, 1); err != nil {
		return nil, s.failed("open object store", "", err)
	}
	return s, nil
}

// newStore returns a store that has made no request.
func newStore(ctx context.Context, c Config, t tuning) (*Store, error) {
	c, err := c.check()
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, tuning: t, counter: &counter{made: map[string]int64{}}, slots: make(chan struct{}, concurrentParts)}
	s.client, s.region, err = newClient(ctx, c, t, s.counter)
	return s, err
}

// Requests returns how many requests of each S3 operation were made, repeated attempts included.
func (s *Store) Requests() map[string]int64 { return s.counter.counts() }

// Create starts an object.
func (s *Store) Create(ctx context.Context, name string) (object.Writer, error) {
	return s.create(ctx, name, false)
}

// CreateNew starts an object that must not exist at commit.
func (s *Store) CreateNew(ctx context.Context, name string) (object.Writer, error) {
	return s.create(ctx, name, true)
}

func (s *Store) create(ctx context.Context, name string, onlyNew bool) (object.Writer, error) {
	key, err := s.key(ctx, name)
	if err != nil {
		return nil, err
	}
	return newWriter(ctx, s, name, key, onlyNew), nil
}

// Open opens an object for reading, with one request for its size and version.
func (s *Store) Open(ctx context.Context, name string) (object.Reader, error) {
	key, err := s.key(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.openKey(ctx, name, key)
}

func (s *Store) openKey(ctx context.Context, name, key string) (object.Reader, error) {
	head, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &s.config.Bucket, Key: &key})
	if status := statusOf(err); status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		err = s.reason(ctx, key, err)
	}
	if err != nil {
		return nil, s.failed("open object", name, err)
	}
	return newReader(ctx, s, name, key, aws.ToInt64(head.ContentLength), aws.ToString(head.ETag)), nil
}

// reason returns why the server refused a HEAD, whose answers contain no reason: a bucket or an access key that was deleted must
// not look like an object that does not exist.
func (s *Store) reason(ctx context.Context, key string, refusal error) error {
	out, err := s.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &s.config.Bucket, Key: &key, Range: aws.String("bytes=0-0")})
	if err == nil {
		_ = out.Body.Close() // not read
		return refusal       // the object was written between the two requests
	}
	if errorCode(err) == codeRange { // and is empty
		return refusal
	}
	return err
}

// OpenSized opens an object of a known size without a request, unless it is empty: no read would find that it is missing.
func (s *Store) OpenSized(ctx context.Context, name string, size int64) (object.Reader, error) {
	key, err := s.key(ctx, name)
	if err != nil {
		return nil, err
	}
	if size > 0 {
		return newReader(ctx, s, name, key, size, ""), nil
	}
	in, err := s.openKey(ctx, name, key)
	if err == nil && in.Size() != size {
		return nil, errors.Join(object.ErrSize(name, in.Size(), size), in.Close())
	}
	return in, err
}

// List returns the names under prefix, sorted by bytes. Keys that are not names of objects are left out.
func (s *Store) List(ctx context.Context, prefix string) ([]string, error) {
	if err := errors.Join(ctx.Err(), object.CheckPrefix(prefix)); err != nil {
		return nil, err
	}
	var names []string
	for token, more := (*string)(nil), true; more; {
		page, err := s.page(ctx, prefix, token, 1000)
		if err != nil {
			return nil, s.failed("list objects", prefix, err)
		}
		for _, o := range page.Contents {
			if name, err := s.name(page, aws.ToString(o.Key)); err == nil && strings.HasPrefix(name, prefix) && object.CheckName(name) == nil {
				names = append(names, name)
			}
		}
		token, more = page.NextContinuationToken, aws.ToBool(page.IsTruncated)
		if more && token == nil {
			return nil, s.failed("list objects", prefix, errNoToken)
		}
	}
	slices.Sort(names) // not every server sorts by bytes
	return slices.Compact(names), nil
}

var errNoToken = failure.Wrap(failure.Data, errors.New("the server's list is truncated and has no continuation token"))

func (s *Store) page(ctx context.Context, prefix string, token *string, limit int32) (*awss3.ListObjectsV2Output, error) {
	return s.client.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{
		Bucket: &s.config.Bucket, Prefix: aws.String(s.config.Prefix + prefix), ContinuationToken: token, MaxKeys: &limit,
		EncodingType: types.EncodingTypeUrl, // foreign keys may contain what XML cannot
	})
}

// name returns the name of a listed key.
func (s *Store) name(page *awss3.ListObjectsV2Output, key string) (string, error) {
	if page.EncodingType == types.EncodingTypeUrl {
		var err error
		if key, err = url.QueryUnescape(key); err != nil {
			return "", err
		}
	}
	name, found := strings.CutPrefix(key, s.config.Prefix)
	if !found {
		return "", fs.ErrNotExist
	}
	return name, nil
}

// Delete removes an object.
func (s *Store) Delete(ctx context.Context, name string) error {
	key, err := s.key(ctx, name)
	if err != nil {
		return err
	}
	_, err = s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &s.config.Bucket, Key: &key})
	if err = s.failed("delete object", name, err); errors.Is(err, fs.ErrNotExist) {
		return nil // some servers report it
	}
	return err
}

// key returns the key of an object.
func (s *Store) key(ctx context.Context, name string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := object.CheckName(name); err != nil {
		return "", err
	}
	if key := s.config.Prefix + name; len(key) <= maxKey {
		return key, nil
	}
	return "", failure.Wrap(failure.Data, fmt.Errorf("object name %q: S3 allows keys of %d bytes, with the prefix", name, maxKey))
}

// place describes the bucket in errors.
func (s *Store) place() string {
	if s.config.Place != "" {
		return s.config.Place
	}
	if s.config.Endpoint == "" {
		return fmt.Sprintf("bucket %s in %s", s.config.Bucket, s.region)
	}
	return fmt.Sprintf("bucket %s at %s", s.config.Bucket, s.config.Endpoint)
}
