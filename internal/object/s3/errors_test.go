// Tests of errors: their texts, classes and next steps, from made-up answers and from real servers.

package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/object/s3/s3test"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const secret = "VerySecretKey"

func serverConfig(endpoint string) Config {
	return Config{
		Bucket: "bucket", Endpoint: endpoint, Region: "eu-test-1", PathStyle: true,
		Credentials: &Credentials{AccessKeyID: "AccessKeyOfTest", SecretAccessKey: secret, SessionToken: "TokenOfTest"},
	}
}

// answer is how a made-up server answers each request.
type answer struct {
	status  int
	code    string
	headers map[string]string
}

func (a answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	for name, value := range a.headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead && a.code != "" {
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>text of the server with %s</Message></Error>`, a.code, secret)
	}
}

// calls are one call of each kind.
var calls = map[string]func(s *Store) error{
	"list": func(s *Store) error { _, err := s.List(context.Background(), "a/"); return err },
	"open": func(s *Store) error { _, err := s.Open(context.Background(), "a/b"); return err },
	"read": func(s *Store) error {
		in, err := s.OpenSized(context.Background(), "a/b", 10)
		if err == nil {
			_, err = in.ReadAt(make([]byte, 5), 2)
		}
		return err
	},
	"put":    func(s *Store) error { return put(s, s.Create, 5) },
	"new":    func(s *Store) error { return put(s, s.CreateNew, 5) },
	"large":  func(s *Store) error { return put(s, s.Create, partSize+1) },
	"delete": func(s *Store) error { return s.Delete(context.Background(), "a/b") },
}

func put(_ *Store, create func(context.Context, string) (object.Writer, error), size int) error {
	w, err := create(context.Background(), "a/b")
	if err != nil {
		return err
	}
	_, err = w.Write(make([]byte, size))
	return errors.Join(err, w.Commit())
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer
		calls string // some of calls
		class failure.Class
		is    error
		after time.Duration
		text  string
	}{
		{answer{404, "NoSuchKey", nil}, "open read", failure.Data, fs.ErrNotExist, 0, "the object does not exist"},
		{answer{404, "NoSuchBucket", nil}, "list open read put new large delete", failure.Data, nil, 0, "the bucket does not exist (NoSuchBucket); create it, or correct storage.bucket in bursar.yaml"},
		{answer{403, "AccessDenied", nil}, "list open read put new large delete", failure.Data, nil, 0, "access denied (AccessDenied); give these credentials s3:ListBucket"},
		{answer{403, "", nil}, "open", failure.Data, nil, 0, "access denied, or wrong credentials (Forbidden); check AWS_ACCESS_KEY_ID"},
		{answer{403, "InvalidAccessKeyId", nil}, "list open read put delete", failure.Data, nil, 0, "the access key does not exist (InvalidAccessKeyId); check AWS_ACCESS_KEY_ID"},
		{answer{403, "SignatureDoesNotMatch", nil}, "list open read put delete", failure.Data, nil, 0, "the secret access key is wrong (SignatureDoesNotMatch); check"},
		{answer{400, "ExpiredToken", nil}, "list open read put delete", failure.Data, nil, 0, "the session token has expired (ExpiredToken); renew the credentials"},
		{answer{403, "RequestTimeTooSkewed", nil}, "list read put", failure.Data, nil, 0, "set the clock of this machine"},
		{answer{301, "PermanentRedirect", nil}, "list read put", failure.Data, nil, 0, "the bucket is in another region (PermanentRedirect); correct storage.region"},
		{answer{400, "AuthorizationHeaderMalformed", nil}, "list put", failure.Data, nil, 0, "correct storage.region"},
		{answer{403, "InvalidObjectState", nil}, "read", failure.Data, nil, 0, "the object was moved to an archive"},
		{answer{412, "PreconditionFailed", nil}, "read", failure.Data, fs.ErrNotExist, 0, "it was replaced after it was opened"},
		{answer{416, "InvalidRange", nil}, "read", failure.Data, object.ErrDamaged, 0, "less than the 10 bytes"},
		{answer{503, "SlowDown", map[string]string{"Retry-After": "7"}}, "list open read put new large delete", failure.Throttled, nil, 7 * time.Second, "the server asks for fewer requests"},
		{answer{503, "", map[string]string{"Retry-After": "120"}}, "list open read put new large delete", failure.Throttled, nil, 2 * time.Minute, "the server asks for fewer requests"},
		{answer{429, "", map[string]string{"Retry-After": "Fri, 27 Nov 2026 10:00:30 GMT", "Date": "Fri, 27 Nov 2026 10:00:00 GMT"}}, "list open put", failure.Throttled, nil, 30 * time.Second, "the server asks for fewer requests"},
		{answer{503, "", nil}, "list open read put new large delete", failure.Throttled, nil, 0, "the server asks for fewer requests"},
		{answer{500, "InternalError", nil}, "list open read put new large delete", failure.Transient, nil, 0, "the server failed ("},
		{answer{502, "", nil}, "list open read put new large delete", failure.Transient, nil, 0, "the server failed ("},
		{answer{400, "BadDigest", nil}, "put new", failure.Transient, nil, 0, "the content was damaged on the way (BadDigest)"},
		{answer{409, "ConditionalRequestConflict", nil}, "new", failure.Transient, nil, 0, "another request for the same key is at work"},
		{answer{501, "NotImplemented", nil}, "new large", failure.Data, nil, 0, "the server does not implement this request (NotImplemented); use a server that implements multipart uploads and conditional writes"},
		{answer{400, "SomethingElse", nil}, "list read put", failure.Data, nil, 0, "the server refused the request (SomethingElse: text of the server with …)"},
	} {
		t.Run(fmt.Sprint(c.status, c.code), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.answer)
			defer server.Close()
			for _, name := range strings.Fields(c.calls) {
				s, err := newStore(t.Context(), serverConfig(server.URL), fast)
				if err != nil {
					t.Fatal(err)
				}
				err = calls[name](s)
				checkError(t, name, err, c.class, c.is, c.text)
				if err != nil && !strings.Contains(err.Error(), "bucket bucket at "+server.URL) {
					t.Errorf("%s: %v does not say where", name, err)
				}
				if err != nil && object.IsUnavailable(err) != (c.is == nil) {
					t.Errorf("%s: %v says something of the object: %v", name, err, !object.IsUnavailable(err))
				}
				if failure.RetryAfter(err) != c.after {
					t.Errorf("%s: retry after %v, want %v", name, failure.RetryAfter(err), c.after)
				}
			}
		})
	}
}

func checkError(t *testing.T, what string, err error, class failure.Class, is error, text string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s: no error", what)
	case failure.Of(err) != class || is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), text):
		t.Errorf("%s: %v (%s)\nwant %s (%s), %v", what, err, failure.Of(err), text, class, is)
	case strings.Contains(err.Error(), secret), strings.Contains(err.Error(), "TokenOfTest"), strings.Contains(err.Error(), "AccessKeyOfTest"):
		t.Errorf("%s: %v contains a credential", what, err)
	}
}

// TestShortRetryAfter retries once the server's time has passed.
func TestShortRetryAfter(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(answer{503, "SlowDown", map[string]string{"Retry-After": "3"}})
	defer server.Close()
	s, err := newStore(t.Context(), serverConfig(server.URL), fast)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.List(t.Context(), "")
	if s.Requests()["ListObjectsV2"] != 1 || standard.IsErrorRetryable(err) == aws.FalseTernary || fast.IsErrorRetryable(err) != aws.FalseTernary {
		t.Errorf("%v, %v", err, s.Requests())
	}
	if wait, err := (jittered{standard.backoff}).BackoffDelay(1, err); err != nil || wait != 3*time.Second {
		t.Errorf("wait %v, %v", wait, err)
	}
}

// refusals provokes errors of a server whose buckets need credentials, or of one that checks none.
func refusals(t *testing.T, config Config, checksCredentials bool) {
	t.Helper()
	missing := config
	missing.Bucket = "missing"
	_, err := open(t.Context(), missing, fast)
	checkError(t, "missing bucket", err, failure.Data, nil, "open object store: bucket missing at "+config.Endpoint+": the bucket does not exist (NoSuchBucket); create it")
	s, err := newStore(t.Context(), missing, fast)
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range calls {
		if err := call(s); errors.Is(err, fs.ErrNotExist) || err == nil {
			t.Errorf("%s in a missing bucket: %v, as if only the object were missing", name, err)
		}
	}
	if !checksCredentials {
		return
	}
	wrongKey := config
	wrongKey.Credentials = &Credentials{AccessKeyID: "AccessKeyOfTest", SecretAccessKey: s3test.SecretKey}
	_, err = open(t.Context(), wrongKey, fast)
	checkError(t, "wrong key", err, failure.Data, nil, "the access key does not exist (XAdminUserNotFound); check AWS_ACCESS_KEY_ID")
	wrongSecret := config
	wrongSecret.Credentials = &Credentials{AccessKeyID: s3test.AccessKey, SecretAccessKey: secret}
	_, err = open(t.Context(), wrongSecret, fast)
	checkError(t, "wrong secret", err, failure.Data, nil, "the secret access key is wrong (SignatureDoesNotMatch); check AWS_ACCESS_KEY_ID")
	if s, err = newStore(t.Context(), wrongSecret, fast); err != nil {
		t.Fatal(err)
	}
	checkError(t, "open with wrong secret", calls["open"](s), failure.Data, nil, "the secret access key is wrong")
}
