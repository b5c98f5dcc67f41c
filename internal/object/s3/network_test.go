// Tests of connections: TLS, certificates, time limits, cancelled calls.

package s3

import (
	"bytes"
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
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/object/objecttest"
	"bursar/internal/object/s3/s3test"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	selfSigned, _ := startTLS(t, noBucket, time.Now().Add(time.Hour), "127.0.0.1")
	for _, c := range []struct {
		what, endpoint string
		class          failure.Class
		text           string
	}{
		{"refused", closed.URL, failure.Transient, "no connection: connect: connection refused; check that the server runs"},
		{"no host", "http://s3.invalid", failure.Transient, "the host s3.invalid has no address; correct storage.endpoint"},
		{"no TLS", strings.Replace(plain.URL, "http", "https", 1), failure.Data, "the server does not speak TLS on this port; correct storage.endpoint"},
		{"self-signed", selfSigned, failure.Data, "unknown authority; set AWS_CA_BUNDLE"},
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
		endpoint, certificate := startTLS(t, noBucket, c.until, c.host)
		trust(t, certificate)
		_, err := open(t.Context(), serverConfig(endpoint), fast)
		checkError(t, c.what, err, failure.Data, nil, c.text)
	}
}

// TestTLS writes and reads through TLS, where the SDK signs and checks in other ways.
func TestTLS(t *testing.T) {
	server, config := backend(t, s3test.Versitygw)
	to, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, r.In.Host
	}}
	var certificate []byte
	config.Endpoint, certificate = startTLS(t, proxy, time.Now().Add(time.Hour), "127.0.0.1")
	trust(t, certificate)
	s := mustOpen(t, config, fast)
	for _, size := range []int{0, 1000, partSize + 1} {
		content, name := randomBytes(size), fmt.Sprintf("o%d", size)
		objecttest.Write(t, s, name, content)
		if err := put(s, s.CreateNew, size); err != nil {
			t.Error(err)
		}
		if err := put(s, s.CreateNew, size); !errors.Is(err, fs.ErrExist) {
			t.Errorf("create again: %v", err)
		}
		if !bytes.Equal(objecttest.Read(t, s, name), content) {
			t.Errorf("%s has other bytes", name)
		}
		if err := s.Delete(t.Context(), "a/b"); err != nil {
			t.Error(err)
		}
	}
	if names, err := s.List(t.Context(), ""); err != nil || len(names) != 3 {
		t.Errorf("list: %q, %v", names, err)
	}
}

// trust lets new stores trust a certificate, as a person does.
func trust(t *testing.T, certificate []byte) {
	t.Helper()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
}

// noBucket answers that the bucket does not exist.
var noBucket = answer{404, "NoSuchBucket", nil}

// startTLS starts a server with a certificate that it signed itself, and returns it as PEM.
func startTLS(t *testing.T, handler http.Handler, until time.Time, host string) (endpoint string, certificate []byte) {
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
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
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
