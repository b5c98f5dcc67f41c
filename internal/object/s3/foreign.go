// Objects of a bucket that others have written.

package s3

import (
	"context"
	"errors"
	"strings"
	"time"

	"bursar/internal/failure"
	"bursar/internal/object"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Foreign reads objects that others have written, whose keys are any text.
type Foreign struct{ store *Store }

// Listed is such an object as it was listed.
type Listed struct {
	Key      string
	Size     int64
	Modified time.Time
	ETag     string
}

// OpenForeign returns the objects of a bucket. The configuration has no prefix.
func OpenForeign(ctx context.Context, c Config) (*Foreign, error) {
	s, err := newStore(ctx, c, standard)
	if err != nil {
		return nil, err
	}
	return &Foreign{s}, nil
}

// List calls each with the objects whose keys begin with prefix, in the order of the server, and returns its error as it is. The order is
// that of bytes, but not for every server.
func (f *Foreign) List(ctx context.Context, prefix string, each func(Listed) error) error {
	for token, more := (*string)(nil), true; more; {
		page, err := f.store.page(ctx, prefix, token, 1000)
		if err != nil {
			return f.store.failed("list objects", prefix, err)
		}
		for _, o := range page.Contents {
			key, err := f.store.name(page, aws.ToString(o.Key))
			if err != nil {
				return f.store.failed("list objects", prefix, failure.Wrap(failure.Data, err))
			}
			if err := each(Listed{Key: key, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified).UTC(), ETag: inQuotes(aws.ToString(o.ETag))}); err != nil {
				return err
			}
		}
		token, more = page.NextContinuationToken, aws.ToBool(page.IsTruncated)
		if more && token == nil {
			return f.store.failed("list objects", prefix, errNoToken)
		}
	}
	return nil
}

// inQuotes returns an ETag as it is in a response: some servers list it without quotes.
func inQuotes(tag string) string {
	if tag == "" || strings.HasSuffix(tag, `"`) {
		return tag
	}
	return `"` + tag + `"`
}

// Open reads an object as it was listed, without a request before the first read. A read fails with fs.ErrNotExist if the object was deleted
// or replaced; IsReplaced distinguishes them.
func (f *Foreign) Open(ctx context.Context, o Listed) object.Reader {
	return newReader(ctx, f.store, o.Key, o.Key, o.Size, o.ETag)
}

// IsReplaced reports whether an error of a reader means that another object has the name by now.
func IsReplaced(err error) bool {
	return errors.Is(err, errReplaced) || errors.Is(err, object.ErrDamaged)
}
