// A check of the bucket, the credentials and the server, with a probe object.

package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"bursar/internal/failure"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// probeFolder is under the prefix, and no object's name leads into it.
const probeFolder = ".check/"

var probe = []byte("written by a check of Bursar, which deletes it again\n")

// CheckResult is what a check found out.
type CheckResult struct {
	Place     string        // the bucket and where it is
	Server    string        // the server's name for itself, often with its version; may be empty
	RoundTrip time.Duration // of one request
	Rights    []Right       // in the order in which they were tried
}

// Right is something that a store does.
type Right struct {
	Name string // list, put, create new, get, range, delete
	Err  error  // nil if it works
}

// Check opens no store, but tries everything that one does, with an object that it deletes again. The error joins those of the
// rights that are missing.
func Check(ctx context.Context, c Config) (CheckResult, error) {
	s, err := newStore(ctx, c, standard)
	if err != nil {
		return CheckResult{}, err
	}
	return s.Check(ctx)
}

// Check tries everything that the store does, with an object that it deletes again. The error joins those of the rights that are
// missing. If the first request fails, nothing else is tried.
func (s *Store) Check(ctx context.Context) (CheckResult, error) {
	r := CheckResult{Place: s.place()}
	page, err := s.page(ctx, "", nil, 1)
	r.try("list", s.failed("check", "list", err))
	if err != nil {
		err = r.err()
		return r, err
	}
	r.Server = serverName(page.ResultMetadata)
	began := time.Now() // the connection is open by now
	if _, err = s.page(ctx, "", nil, 1); err != nil {
		return r, s.failed("check", "round trip", err)
	}
	r.RoundTrip = time.Since(began)
	name := probeFolder + rand.Text()
	s.probe(ctx, &r, name, s.config.Prefix+name)
	err = r.err()
	return r, err
}

func (r *CheckResult) try(name string, err error) { r.Rights = append(r.Rights, Right{name, err}) }

func (r *CheckResult) err() error {
	var all []error
	for _, right := range r.Rights {
		all = append(all, right.Err)
	}
	return errors.Join(all...)
}

// probe writes an object, reads it and deletes it.
func (s *Store) probe(ctx context.Context, r *CheckResult, name, key string) {
	try := func(right string, err error) { r.try(right, s.failed("check", right, err)) }
	put := func(content []byte, onlyNew bool) error {
		w := newWriter(ctx, s, name, key, onlyNew)
		if _, err := w.Write(content); err != nil {
			return err
		}
		return w.Commit()
	}
	err := put(probe, false)
	if try("put", err); err == nil {
		try("create new", refusesSecond(put(nil, true)))
		in := newReader(ctx, s, name, key, int64(len(probe)), "")
		try("get", compare(in, 0))
		try("range", compare(in, len(probe)/2))
		_ = in.Close() // only read
	}
	// After a failed put, too: it may have had its effect.
	_, err = s.client.DeleteObject(context.WithoutCancel(ctx), &awss3.DeleteObjectInput{Bucket: &s.config.Bucket, Key: &key})
	try("delete", err)
}

var errNoConditions = failure.Wrap(failure.Data,
	errors.New("the server ignores If-None-Match, without which two processes overwrite each other's objects; use a server that implements conditional writes"))

// refusesSecond checks how the server refused to create the probe again.
func refusesSecond(err error) error {
	switch {
	case err == nil:
		return errNoConditions
	case errors.Is(err, fs.ErrExist):
		return nil
	}
	return err
}

// compare checks what is read from an offset on.
func compare(in io.ReaderAt, at int) error {
	got := make([]byte, len(probe)-at)
	if _, err := in.ReadAt(got, int64(at)); err != nil {
		return err
	}
	if !bytes.Equal(got, probe[at:]) {
		return failure.Wrap(failure.Bug, fmt.Errorf("the server returned other bytes than it was given: %.80q", got))
	}
	return nil
}

// serverName returns the Server header of an answer.
func serverName(m middleware.Metadata) string {
	if answer, ok := awsmiddleware.GetRawResponse(m).(*smithyhttp.Response); ok && answer.Response != nil {
		return answer.Header.Get("Server")
	}
	return ""
}
