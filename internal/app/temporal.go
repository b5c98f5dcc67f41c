// The Temporal server of a project: the embedded one, or the cluster that bursar.yaml names.

package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/app/marker"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/temporal"

	"go.temporal.io/sdk/client"
)

// connectTemporal connects to the Temporal server, if this process has not done so yet. a.starting is locked.
func (a *App) connectTemporal(ctx context.Context) (*temporal.Connection, error) {
	if a.temporal != nil {
		return a.temporal, nil
	}
	connection, projectID, err := a.dialTemporal(ctx)
	if err != nil {
		return nil, err
	}
	a.temporal, a.id = connection, projectID
	a.closers = append(a.closers, func() error { connection.Stop(); return nil })
	a.log.Info("temporal is ready", "address", connection.Address())
	return connection, nil
}

// TemporalClient returns a client of the project's Temporal server.
func (a *App) TemporalClient(ctx context.Context) (client.Client, error) {
	a.starting.Lock()
	defer a.starting.Unlock()
	connection, err := a.connectTemporal(ctx)
	if err != nil {
		return nil, err
	}
	return connection.Client(), nil
}

// dialTemporal starts the embedded server or dials the cluster. In a cluster, workflows have the id of their project, because
// another project may use its namespace by mistake. No other project reaches an embedded server; its workflows have none.
func (a *App) dialTemporal(ctx context.Context) (c *temporal.Connection, projectID string, err error) {
	if a.Project.Config.Temporal.Kind != project.TemporalCluster {
		server, err := temporal.Start(ctx, a.state, slog.New(diskHandler{a.log.Handler(), &a.disk}))
		if err != nil {
			return nil, "", fmt.Errorf("start temporal: %w", a.asDiskError(err))
		}
		return &server.Connection, "", nil
	}
	options, err := a.temporalOptions()
	if err != nil {
		return nil, "", err
	}
	if projectID, err = marker.ID(ctx, a.catalog); err != nil {
		return nil, "", err
	}
	c, err = temporal.Dial(ctx, options)
	if err != nil {
		return nil, "", a.atTemporal(err)
	}
	return c, projectID, nil
}

// asDiskError gives the errors of SQLite's driver about a full disk their class, which the driver does not.
func (a *App) asDiskError(err error) error {
	for _, text := range diskErrorTexts {
		if strings.Contains(err.Error(), text) {
			return failure.Wrap(failure.Transient, err)
		}
	}
	return err
}

// atTemporal adds the place of the declaration.
func (a *App) atTemporal(err error) error {
	return fmt.Errorf("bursar.yaml:%d: %w", a.Project.Config.Line("temporal"), err)
}

// temporalOptions resolves the settings of a cluster.
func (a *App) temporalOptions() (o temporal.Options, err error) {
	c := a.Project.Config.Temporal
	o = temporal.Options{ShownAddress: c.Address, ShownNamespace: c.Namespace, Identity: a.shared.process.ID, Logger: a.log}
	for _, s := range []struct {
		key, text string
		to        *string
	}{{"address", c.Address, &o.Address}, {"namespace", c.Namespace, &o.Namespace}, {"api_key", c.APIKey, &o.APIKey}} {
		if *s.to, err = a.setting("temporal."+s.key, s.text); err != nil {
			return o, err
		}
	}
	o.APIKey = strings.TrimSpace(o.APIKey) // a line end in an environment variable is no valid header
	if c.TLS != nil {
		o.TLS, err = a.clientTLS(c.TLS)
	}
	return o, err
}

// clientTLS reads the certificates of a declaration.
func (a *App) clientTLS(declared *project.TLS) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if config.ServerName, err = a.setting("temporal.tls.server_name", declared.ServerName); err != nil {
		return nil, err
	}
	if declared.CA != "" {
		text, err := a.pemText("temporal.tls.ca", declared.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, a.badPEM("temporal.tls.ca", errors.New("there is no certificate in the PEM format in it"))
		}
	}
	if declared.Cert == "" {
		return config, nil
	}
	pair, err := a.certificate("temporal.tls", declared)
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// certificate reads the certificate of a declaration, which has the given key, and its key.
func (a *App) certificate(section string, declared *project.TLS) (pair tls.Certificate, err error) {
	cert, err := a.pemText(section+".cert", declared.Cert)
	if err != nil {
		return pair, err
	}
	key, err := a.pemText(section+".key", declared.Key)
	if err != nil {
		return pair, err
	}
	if pair, err = tls.X509KeyPair(cert, key); err != nil {
		return pair, a.badPEM(section+".cert", fmt.Errorf("certificate and key cannot be used (%w): both must be in the PEM format, without a password", err))
	}
	return pair, nil
}

// pemText returns the content of a file that a setting names, or the PEM text that it refers to.
func (a *App) pemText(key, text string) ([]byte, error) {
	value, err := a.setting(key, text)
	if err != nil {
		return nil, err
	}
	if value != text && strings.Contains(value, "-----BEGIN ") {
		return []byte(value), nil
	}
	path := value
	if !filepath.IsAbs(path) {
		path = filepath.Join(a.Project.Dir, path)
	}
	content, err := os.ReadFile(path)
	if value != text && err != nil { // what is not a file may be a damaged secret: it is not printed
		return nil, a.badPEM(key, fmt.Errorf("%s stands neither for PEM text nor for the name of a readable file", text))
	}
	if err != nil {
		return nil, a.badPEM(key, err)
	}
	return content, nil
}

func (a *App) badPEM(key string, err error) error {
	return failure.Wrap(failure.Data, fmt.Errorf("bursar.yaml:%d: %s: %w", a.Project.Config.Line(key), key, err))
}
