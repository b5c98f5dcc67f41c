// The endpoint of the warehouse for clients of PostgreSQL, while the project is up.

package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"

	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/serve"
	"bursar/internal/warehouse/duckwarehouse"
	"bursar/internal/warehouse/wire"
)

// endpoint is the server of the warehouse, and its listener. Both are nil if the warehouse is not served.
type endpoint struct {
	server   *wire.Server
	listener net.Listener
}

// listenWarehouse opens the listener of the warehouse, if bursar.yaml has one.
func (a *App) listenWarehouse(ctx context.Context) (e endpoint, err error) {
	declared := a.Project.Config.Warehouse.Endpoint
	if declared == nil {
		return e, nil
	}
	o, err := a.endpointOptions(declared)
	if err != nil {
		return e, err
	}
	if e.server, err = wire.New(o); err != nil {
		return e, failure.Wrap(failure.Data, err)
	}
	address, err := a.setting("warehouse.listen", declared.Listen)
	if err != nil {
		return e, err
	}
	e.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: stop the program that uses it, or choose another port", err)
	}
	if err != nil {
		return e, failure.Wrap(failure.Data, fmt.Errorf("bursar.yaml:%d: serve the warehouse: %w", a.Project.Config.Line("warehouse.listen"), err))
	}
	if o.TLS == nil && !serve.OnLoopback(e.listener) {
		a.log.Warn("other machines reach the warehouse without TLS, and others on the way can read its rows: add `tls` to `warehouse` in bursar.yaml", "address", e.address())
	}
	return e, nil
}

func (a *App) endpointOptions(declared *project.Endpoint) (o wire.Options, err error) {
	o = wire.Options{Open: a.askedWarehouse, Log: a.log, Rows: declared.Rows, Timeout: declared.Timeout, Connections: declared.Connections}
	if a.HasArchive() {
		o.Warnings = a.clientWarnings
	}
	if o.User, err = a.setting("warehouse.user", declared.User); err != nil {
		return o, err
	}
	if o.Password, err = a.setting("warehouse.password", declared.Password); err != nil {
		return o, err
	}
	if declared.TLS == nil {
		return o, nil
	}
	pair, err := a.certificate("warehouse.tls", declared.TLS)
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	return o, err
}

// clientWarnings are the warnings for a statement of a client.
func (a *App) clientWarnings(ctx context.Context, sql string) ([]string, error) {
	db, err := a.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	return a.StatementWarnings(ctx, db, sql)
}

// askedWarehouse opens the warehouse for statements of clients.
func (a *App) askedWarehouse(ctx context.Context) (wire.Warehouse, error) {
	db, err := a.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	embedded, ok := db.(*duckwarehouse.Database)
	if !ok {
		return nil, errors.New("bug: only a DuckDB warehouse is served")
	}
	return embedded, nil
}

// address returns where clients connect; "" if the warehouse is not served.
func (e endpoint) address() string {
	if e.listener == nil {
		return ""
	}
	return e.listener.Addr().String()
}

// start serves clients until stop, which waits for their statements.
func (e endpoint) start(failed chan<- error) (stop func()) {
	if e.server == nil {
		return func() {}
	}
	go func() {
		if err := e.server.Serve(e.listener); err != nil {
			failed <- err
		}
	}()
	return func() { e.server.Stop(requestGrace) }
}

// close closes the listener. A server that has used it has closed it already.
func (e endpoint) close() {
	if e.listener != nil {
		_ = e.listener.Close()
	}
}
