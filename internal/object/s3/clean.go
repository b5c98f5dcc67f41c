// Removal of the uploads of writers that died.

package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Clean aborts the multipart uploads under the prefix that began before a time, and returns how many. Their parts are paid for and
// not seen in any list. A process that dies leaves some, and so does a lost answer to the request that begins one. The time must
// be so long ago that no writer is still at work: uploads of living writers cannot be distinguished.
func (s *Store) Clean(ctx context.Context, before time.Time) (aborted int, err error) {
	in := &awss3.ListMultipartUploadsInput{Bucket: &s.config.Bucket, Prefix: &s.config.Prefix}
	for more := true; more; {
		page, err := s.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return aborted, s.failed("clean", "uploads", err)
		}
		for _, u := range page.Uploads {
			if !aws.ToTime(u.Initiated).Before(before) {
				continue
			}
			if err := s.abortUpload(ctx, u); err != nil {
				return aborted, s.failed("clean", aws.ToString(u.Key), err)
			}
			aborted++
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
		more = aws.ToBool(page.IsTruncated) && in.KeyMarker != nil
	}
	return aborted, nil
}

func (s *Store) abortUpload(ctx context.Context, u types.MultipartUpload) error {
	_, err := s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &s.config.Bucket, Key: u.Key, UploadId: u.UploadId})
	if code := errorCode(err); code == codeNoUpload || code == codeNoKey {
		return nil // it is complete or aborted already
	}
	return err
}
