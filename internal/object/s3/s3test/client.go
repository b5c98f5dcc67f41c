// Requests to a server that the product does not make.

package s3test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Client returns a client of the SDK for a server.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint), UsePathStyle: true, Region: Region,
		Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""),
	})
}

func (s *Server) create(bucket string) error {
	_, err := s.Client().CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &bucket})
	return err
}

// Put writes an object, as another program would.
func (s *Server) Put(tb testing.TB, bucket, key, content string) {
	tb.Helper()
	if _, err := s.Client().PutObject(context.Background(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(content)}); err != nil {
		tb.Fatal(err)
	}
}

// Uploads returns the keys of the multipart uploads that are neither complete nor aborted.
func (s *Server) Uploads(tb testing.TB, bucket string) (keys []string) {
	tb.Helper()
	out, err := s.Client().ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		tb.Fatal(err)
	}
	for _, u := range out.Uploads {
		keys = append(keys, aws.ToString(u.Key))
	}
	return keys
}
