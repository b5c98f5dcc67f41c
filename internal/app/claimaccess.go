// Exchanges the setup token of an institution for credentials.

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"bursar/internal/aggregate/connector/simplefin"
	"bursar/internal/aggregate/connector/web"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/vault"
)

// ClaimAccess exchanges a SimpleFIN setup token for an access URL, and puts that into the vault under a name that is free. A token works once, so
// everything that may fail is checked before.
func (a *App) ClaimAccess(ctx context.Context, institution, secret string, token vault.Secret) error {
	declared, err := a.connected(institution)
	if err != nil {
		return err
	}
	if kind := declared.Connection.Kind; kind != project.SimpleFINConnector {
		return failure.Wrap(failure.Data, fmt.Errorf("institution %s is of the kind %s: only those of the kind %s have setup tokens", institution, kind, project.SimpleFINConnector))
	}
	v := vault.New(a.Project.Dir, vault.ProcessEnvironment())
	if _, err := v.Resolve(secret); !errors.Is(err, vault.ErrUnknown) {
		if err == nil {
			err = failure.Wrap(failure.Data, fmt.Errorf("the vault contains %s already: choose another name, or remove it with `bursar vault remove %[1]s`", secret))
		}
		return err
	}
	o := web.Options{Timeout: declared.Connection.Timeout}
	if declared.Connection.CA != "" {
		if o.RootCA, err = os.ReadFile(filepath.Join(a.Project.Dir, declared.Connection.CA)); err != nil {
			return fmt.Errorf("read the certificates of institution %s: %w", institution, err)
		}
	}
	client, err := web.NewClient(o)
	if err != nil {
		return fmt.Errorf("%s:%d: %w", declared.File, declared.Line, err)
	}
	defer client.CloseIdleConnections()
	access, err := simplefin.Claim(ctx, client, token)
	if err != nil {
		return err
	}
	_, _, err = v.Set(context.WithoutCancel(ctx), secret, []byte(access.Reveal()))
	return err
}
