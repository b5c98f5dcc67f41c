// The certificate that the embedded server and its clients use to authenticate each other, signed by an authority that signs
// nothing else. So the server answers only processes that can read the project's files.

package temporal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/server/common/rpc/encryption"

	"bursar/internal/durable"
	"bursar/internal/loopback"
)

// tlsFolder is the folder of the client files below a project's state folder.
const tlsFolder = "temporal-tls"

// ClientFiles are the PEM files that a client of a project's embedded server needs. Only their owner may read them: the key
// gives full access to the server.
type ClientFiles struct {
	Authority   string `json:"ca"`
	Certificate string `json:"cert"`
	Key         string `json:"key"`
}

// TLSFiles returns the paths of these files for the project with this state folder.
func TLSFiles(stateDir string) ClientFiles {
	dir := filepath.Join(stateDir, tlsFolder)
	return ClientFiles{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// loadIdentity returns the configuration of the server and its clients, with the project's certificate and its authority. It creates
// a new certificate if there is none, or if its files are damaged or readable by others: only attached tools depend on it.
func loadIdentity(stateDir string) (*tls.Config, error) {
	files := TLSFiles(stateDir)
	kept, err := readIdentity(files)
	if err == nil && kept == nil {
		if err := createIdentity(files); err != nil {
			return nil, fmt.Errorf("create Temporal certificate: %w", err)
		}
		if kept, err = readIdentity(files); err == nil && kept == nil {
			err = errors.New("the new certificate cannot be verified; delete " + filepath.Dir(files.Key))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read Temporal certificate: %w", err)
	}
	return kept, nil
}

// readIdentity returns nil for files that must be created anew.
func readIdentity(files ClientFiles) (*tls.Config, error) {
	root, err := os.ReadFile(files.Authority)
	info, failed := os.Stat(files.Key)
	pair, invalid := tls.LoadX509KeyPair(files.Certificate, files.Key)
	var unreadable *fs.PathError
	if err := errors.Join(err, failed, invalid); errors.As(err, &unreadable) && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	pool := x509.NewCertPool()
	if err != nil || failed != nil || invalid != nil || !pool.AppendCertsFromPEM(root) || info.Mode().Perm()&0o077 != 0 {
		return nil, nil //nolint:nilerr,nilnil // as the comment says
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: loopback.Host}); err != nil {
		return nil, nil //nolint:nilerr,nilnil // as the comment says
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, ServerName: loopback.Host,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, RootCAs: pool,
	}, nil
}

// createIdentity writes a new identity. The authority's key is not stored, so that it never signs anything else.
func createIdentity(files ClientFiles) error {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority, certificate := templates()
	signed, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return err
	}
	leaf, err := x509.CreateCertificate(rand.Reader, certificate, authority, key.Public(), authorityKey)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := durable.MakeFolder(filepath.Dir(files.Key)); err != nil {
		return err
	}
	return errors.Join(
		writePEM(files.Authority, "CERTIFICATE", signed), writePEM(files.Certificate, "CERTIFICATE", leaf), writePEM(files.Key, "PRIVATE KEY", secret),
	)
}

// templates returns the templates of both certificates. They never expire, whatever the clock says: deleting the files ends
// their use.
func templates() (authority, certificate *x509.Certificate) {
	first, last := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	authority = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bursar project " + rand.Text()},
		NotBefore: first, NotAfter: last, KeyUsage: x509.KeyUsageCertSign,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	certificate = &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "bursar"},
		NotBefore: first, NotAfter: last, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.ParseIP(loopback.Host)},
	}
	return authority, certificate
}

// writePEM replaces a file that only its owner may read. A process killed between two files leaves files that do not match; the
// next start replaces them.
func writePEM(path, kind string, der []byte) error {
	return durable.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// tlsProvider returns the server's TLS configurations: all its ports require the certificate, and its services present it.
func tlsProvider(own *tls.Config) encryption.TLSConfigProvider {
	return &encryption.FixedTLSConfigProvider{
		InternodeServerConfig: own, InternodeClientConfig: own, FrontendServerConfig: own, FrontendClientConfig: own,
	}
}
