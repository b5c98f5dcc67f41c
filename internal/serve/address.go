// The listen address of the HTTP API: a port on loopback that is chosen once per project, unless an address is given.

package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"bursar/internal/failure"
	"bursar/internal/loopback"
)

const portFile = "http.json"

// savedPort is the content of http.json: the port that the project used last.
type savedPort struct {
	Port int `json:"port"`
}

// Listen listens on the address of the HTTP API. An empty address means the project's port on loopback.
func Listen(ctx context.Context, state, address string) (net.Listener, error) {
	if address == "" {
		return listenOnSavedPort(ctx, state)
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("listen on %q: use HOST:PORT, such as 127.0.0.1:8080 or :8080", address))
	}
	l, err := listen(ctx, address)
	if err != nil {
		return nil, failure.Wrap(failure.Data, fmt.Errorf("listen for HTTP: %w", err))
	}
	return l, nil
}

// OnLoopback reports whether only this machine can reach the listener.
func OnLoopback(l net.Listener) bool {
	bound, ok := l.Addr().(*net.TCPAddr)
	return ok && bound.IP.IsLoopback()
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// listenOnSavedPort listens on the port that was used last, so that clients find it again.
func listenOnSavedPort(ctx context.Context, state string) (l net.Listener, err error) {
	list := func(s *savedPort) []*int { return []*int{&s.Port} }
	_, err = loopback.Keep(filepath.Join(state, portFile), list, func(port int) (err error) {
		l, err = listen(ctx, loopback.Address(port))
		return err
	})
	if err != nil {
		err = fmt.Errorf("listen for HTTP: %w", err)
		if l != nil {
			err = errors.Join(err, l.Close())
		}
		return nil, err
	}
	return l, nil
}
