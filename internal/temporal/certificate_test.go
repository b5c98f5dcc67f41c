//go:build !race

// Access to the embedded server: only processes that can read the project's files reach it.

package temporal

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"bursar/internal/loopback"
)

// TestServerRefusesStrangers connects to each of the server's ports like a user who cannot read the project's folder.
func TestServerRefusesStrangers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustStart(t, dir, slog.New(slog.DiscardHandler))
	foreign, err := loadIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	careless := &tls.Config{InsecureSkipVerify: true} // strangers do not verify the server
	strangers := map[string]credentials.TransportCredentials{
		"without TLS":                        insecure.NewCredentials(),
		"without a certificate":              credentials.NewTLS(careless),
		"with another project's certificate": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, Certificates: foreign.Certificates}),
	}
	for name, stranger := range strangers {
		for _, port := range s.ports.all() {
			address := loopback.Address(*port)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(stranger))
			if err != nil {
				t.Fatal(err)
			}
			_, err = workflowservice.NewWorkflowServiceClient(conn).ListNamespaces(ctx, &workflowservice.ListNamespacesRequest{})
			_, health := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
			if err == nil || health == nil {
				t.Errorf("%s, %s is answered (%v, %v)", name, address, err, health)
			}
			cancel()
			_ = conn.Close()
		}
	}
}

// TestToolsAttach connects like Temporal's own tools, with the documented files.
func TestToolsAttach(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustStart(t, dir, slog.New(slog.DiscardHandler))
	at := TLSFiles(dir)
	pair, err := tls.LoadX509KeyPair(at.Certificate, at.Key)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(at.Authority)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	c, err := client.DialContext(t.Context(), client.Options{
		HostPort: s.Address(), Namespace: Namespace,
		ConnectionOptions: client.ConnectionOptions{TLS: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: trusted}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestIdentity checks that an identity is kept if it is complete and readable by its owner only, and created again otherwise.
func TestIdentity(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := TLSFiles(dir)
	certificate := func() []byte {
		t.Helper()
		if _, err := loadIdentity(dir); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(at.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	last := certificate()
	if !bytes.Equal(last, certificate()) {
		t.Error("the certificate of before is not kept")
	}
	for name, spoil := range map[string]func() error{
		"key missing":          func() error { return os.Remove(at.Key) },
		"authority missing":    func() error { return os.Remove(at.Authority) },
		"certificate cut off":  func() error { return os.Truncate(at.Certificate, 100) },
		"key readable by all":  func() error { return os.Chmod(at.Key, 0o644) },
		"authority of another": func() error { return copyAuthority(t, at.Authority) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		next := certificate()
		if bytes.Equal(next, last) {
			t.Errorf("%s: the certificate is kept", name)
		}
		last = next
		for _, file := range []string{at.Authority, at.Certificate, at.Key} {
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %s is %v, %v", name, filepath.Base(file), info, err)
			}
		}
	}
}

// copyAuthority writes another project's authority to a file.
func copyAuthority(t *testing.T, to string) error {
	t.Helper()
	other := t.TempDir()
	if _, err := loadIdentity(other); err != nil {
		return err
	}
	text, err := os.ReadFile(TLSFiles(other).Authority)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}
