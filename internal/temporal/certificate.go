// What makes the embedded server answer this project's processes only: a certificate that server and clients show each
// other, signed by an authority that signs nothing else.

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

	"bursar/internal/object"
)

// tlsFolder is the folder, below a project's state, of what a client of the embedded server needs.
const tlsFolder = "temporal-tls"

// ClientFiles are the PEM files that a client of a project's embedded server needs. Only their owner may read them: whoever
// has the key may do with the server whatever it offers.
type ClientFiles struct {
	Authority   string `json:"ca"`
	Certificate string `json:"cert"`
	Key         string `json:"key"`
}

// TLSFiles says where these files are of the project whose state is in stateDir.
func TLSFiles(stateDir string) ClientFiles {
	dir := filepath.Join(stateDir, tlsFolder)
	return ClientFiles{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// identity is what the server and its clients know each other by.
type identity struct {
	certificates []tls.Certificate
	authority    *x509.CertPool
}

// keepIdentity returns the project's identity. It is made when it is absent, damaged or was readable by others: nothing
// depends on it but the tools that are attached.
func keepIdentity(stateDir string) (*identity, error) {
	at := TLSFiles(stateDir)
	kept, err := readIdentity(at)
	if err != nil {
		return nil, fmt.Errorf("read Temporal certificate: %w", err)
	}
	if kept != nil {
		return kept, nil
	}
	if err := makeIdentity(at); err != nil {
		return nil, fmt.Errorf("make Temporal certificate: %w", err)
	}
	kept, err = readIdentity(at)
	if err == nil && kept == nil {
		err = errors.New("what was written is not read back; delete " + filepath.Dir(at.Key))
	}
	if err != nil {
		return nil, fmt.Errorf("read Temporal certificate: %w", err)
	}
	return kept, nil
}

// readIdentity returns nil for files that must be made anew.
func readIdentity(at ClientFiles) (*identity, error) {
	texts := make([][]byte, 3)
	for i, file := range []string{at.Authority, at.Certificate, at.Key} {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil //nolint:nilnil // as the comment says
		}
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	info, err := os.Stat(at.Key)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pair, err := tls.X509KeyPair(texts[1], texts[2])
	if err != nil || !pool.AppendCertsFromPEM(texts[0]) || info.Mode().Perm()&0o077 != 0 {
		return nil, nil //nolint:nilerr,nilnil // as the comment says
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: loopback}); err != nil {
		return nil, nil //nolint:nilerr,nilnil // as the comment says
	}
	return &identity{[]tls.Certificate{pair}, pool}, nil
}

// makeIdentity writes a new identity. The authority's own key is not kept, so that nothing else is ever signed.
func makeIdentity(at ClientFiles) error {
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
	if err := os.MkdirAll(filepath.Dir(at.Key), 0o700); err != nil {
		return err
	}
	return errors.Join(
		writePEM(at.Authority, "CERTIFICATE", signed), writePEM(at.Certificate, "CERTIFICATE", leaf), writePEM(at.Key, "PRIVATE KEY", secret),
	)
}

// templates describe the authority and the certificate of server and clients. They are valid whatever the clock says: what
// ends them is that their files are deleted.
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
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.ParseIP(loopback)},
	}
	return authority, certificate
}

// writePEM replaces a file that only its owner may read. A process killed between two files leaves some that do not belong
// together, which the next start replaces.
func writePEM(path, kind string, der []byte) error {
	return object.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// provider gives the configurations to the server: all of its ports ask for the certificate, and its parts show it to each other.
func (i *identity) provider() encryption.TLSConfigProvider {
	return &encryption.FixedTLSConfigProvider{
		InternodeServerConfig: i.server(), InternodeClientConfig: i.client(),
		FrontendServerConfig: i.server(), FrontendClientConfig: i.client(),
	}
}

func (i *identity) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: i.certificates,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: i.authority,
	}
}

func (i *identity) client() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: i.certificates, RootCAs: i.authority, ServerName: loopback}
}
