// Tests of errors: their texts, classes and next steps, from made-up answers and from a real server.

package s3

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/object/objecttest"
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
		{answer{403, "AccessDenied", nil}, "list read put new large delete", failure.Data, nil, 0, "access denied (AccessDenied); give these credentials s3:ListBucket"},
		{answer{403, "", nil}, "open", failure.Data, nil, 0, "access denied, or wrong credentials (Forbidden); check AWS_ACCESS_KEY_ID"},
		{answer{403, "InvalidAccessKeyId", nil}, "list read put delete", failure.Data, nil, 0, "the access key does not exist (InvalidAccessKeyId); check AWS_ACCESS_KEY_ID"},
		{answer{403, "SignatureDoesNotMatch", nil}, "list read put delete", failure.Data, nil, 0, "the secret access key is wrong (SignatureDoesNotMatch); check"},
		{answer{400, "ExpiredToken", nil}, "list read put delete", failure.Data, nil, 0, "the session token has expired (ExpiredToken); renew the credentials"},
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

func TestRealRefusals(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *s3test.Server{"versitygw": s3test.Versitygw, "moto": s3test.Moto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, config := backend(t, start)
			missing := config
			missing.Bucket = "missing"
			_, err := open(t.Context(), missing, fast)
			checkError(t, "missing bucket", err, failure.Data, nil, "open object store: bucket missing at "+config.Endpoint+": the bucket does not exist (NoSuchBucket); create it")
			if name == "moto" {
				return // it checks no credentials
			}
			wrongKey := config
			wrongKey.Credentials = &Credentials{AccessKeyID: "AccessKeyOfTest", SecretAccessKey: s3test.SecretKey}
			_, err = open(t.Context(), wrongKey, fast)
			checkError(t, "wrong key", err, failure.Data, nil, "the access key does not exist (XAdminUserNotFound); check AWS_ACCESS_KEY_ID")
			wrongSecret := config
			wrongSecret.Credentials = &Credentials{AccessKeyID: s3test.AccessKey, SecretAccessKey: secret}
			_, err = open(t.Context(), wrongSecret, fast)
			checkError(t, "wrong secret", err, failure.Data, nil, "the secret access key is wrong (SignatureDoesNotMatch); check AWS_ACCESS_KEY_ID")
			// A request that has no body for the answer.
			s, err := newStore(t.Context(), wrongSecret, fast)
			if err != nil {
				t.Fatal(err)
			}
			checkError(t, "open with wrong secret", calls["open"](s), failure.Data, nil, "access denied, or wrong credentials")
		})
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, c := range []struct {
		what, endpoint string
		class          failure.Class
		text           string
	}{
		{"refused", closed.URL, failure.Transient, "no connection: connect: connection refused; check that the server runs"},
		{"no host", "http://s3.invalid", failure.Transient, "the host s3.invalid has no address; correct storage.endpoint"},
		{"no TLS", strings.Replace(plain.URL, "http", "https", 1), failure.Data, "the server does not speak TLS on this port; correct storage.endpoint"},
		{"self-signed", tlsServer(t, time.Now().Add(time.Hour), "127.0.0.1"), failure.Data, "unknown authority; set AWS_CA_BUNDLE"},
	} {
		_, err := open(t.Context(), serverConfig(c.endpoint), fast)
		checkError(t, c.what, err, c.class, nil, c.text)
	}
}

// TestTrustedCertificates trusts certificates in the way that a person does, which is a setting of the process.
func TestTrustedCertificates(t *testing.T) {
	for _, c := range []struct {
		what  string
		until time.Time
		host  string
		text  string
	}{
		{"expired", time.Now().Add(-time.Hour), "127.0.0.1", "the server's certificate has expired or is not yet valid; renew it"},
		{"of another host", time.Now().Add(time.Hour), "192.0.2.1", "the server's certificate is for another host; correct storage.endpoint"},
		{"valid", time.Now().Add(time.Hour), "127.0.0.1", "the bucket does not exist"}, // the server's answer
	} {
		endpoint := tlsServer(t, c.until, c.host)
		t.Setenv("AWS_CA_BUNDLE", filepath.Join(os.TempDir(), "not set"))
		bundle := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(bundle, certificateOf[endpoint], 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_CA_BUNDLE", bundle)
		_, err := open(t.Context(), serverConfig(endpoint), fast)
		checkError(t, c.what, err, failure.Data, nil, c.text)
	}
}

// certificateOf is the certificate of each server with TLS, as PEM.
var certificateOf = map[string][]byte{}

// tlsServer starts a server with a certificate that it signed itself. It answers that the bucket does not exist.
func tlsServer(t *testing.T, until time.Time, host string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.ParseIP(host)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(answer{404, "NoSuchBucket", nil})
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	certificateOf[server.URL] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return server.URL
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{Bucket: "bucket", Prefix: "p", Region: "r", Endpoint: "https://host:9000"}
	if checked, err := good.check(); err != nil || checked.Prefix != "p/" {
		t.Errorf("%+v, %v", checked, err)
	}
	for text, change := range map[string]func(*Config){
		"storage.bucket":           func(c *Config) { c.Bucket = "" },
		`"a/b" is not a valid`:     func(c *Config) { c.Bucket = "a/b" },
		`prefix "/p/"`:             func(c *Config) { c.Prefix = "/p" },
		`prefix "p//q/"`:           func(c *Config) { c.Prefix = "p//q" },
		"is not a URL":             func(c *Config) { c.Endpoint = "host:9000" },
		"contains credentials":     func(c *Config) { c.Endpoint = "https://user:" + secret + "@host" },
		"is not a URL such":        func(c *Config) { c.Endpoint = "https://user:" + secret + "@host:port" },
		"correct storage.endpoint": func(c *Config) { c.Endpoint = "ftp://host" },
	} {
		bad := good
		change(&bad)
		_, err := newStore(t.Context(), bad, fast)
		checkError(t, text, err, failure.Data, nil, text)
	}
	withKey := serverConfig("https://host")
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format+format, withKey, *withKey.Credentials); strings.Contains(text, secret) {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// noCredentials finds none.
type noCredentials struct{}

func (noCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, errors.New("no role")
}

func TestNoCredentials(t *testing.T) {
	t.Parallel()
	_, err := markedCredentials{noCredentials{}}.Retrieve(t.Context())
	s := &Store{config: serverConfig("http://host")}
	checkError(t, "no credentials", s.failed("open object store", "", err), failure.Transient, nil, "no valid credentials were found; set AWS_ACCESS_KEY_ID")
}

// TestStall opens a connection to a server that never answers.
func TestStall(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tune := fast
	tune.stall = 20 * time.Millisecond
	_, err = open(t.Context(), serverConfig("http://"+listener.Addr().String()), tune)
	checkError(t, "stall", err, failure.Transient, nil, "the server did not answer in time")
}

func TestCancelledCalls(t *testing.T) {
	t.Parallel()
	_, config := backend(t, s3test.Versitygw)
	s := mustOpen(t, config, fast)
	ctx, cancel := context.WithCancel(t.Context())
	small, err := s.Create(ctx, "small")
	if err != nil {
		t.Fatal(err)
	}
	large, err := s.Create(ctx, "large")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := large.Write(make([]byte, partSize+1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	for _, w := range []object.Writer{small, large} {
		if err := w.Commit(); !errors.Is(err, context.Canceled) || failure.Of(err) != failure.Transient {
			t.Errorf("commit after cancel: %v (%s)", err, failure.Of(err))
		}
		if err := w.Abort(); err != nil {
			t.Errorf("abort after cancel: %v", err)
		}
	}
	objecttest.Write(t, s, "other", nil)
	if names, err := s.List(t.Context(), ""); err != nil || len(names) != 1 {
		t.Errorf("list: %q, %v", names, err)
	}
}
