// The listen address of the HTTP API: a port on loopback that is chosen once per project, unless an address is given.

package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"bursar/internal/failure"
	"bursar/internal/object"
)

const (
	portFile = "http.json"
	loopback = "127.0.0.1"
	// portTries is how many random ports are tried before Listen gives up.
	portTries = 100
)

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

// listenOnSavedPort listens on the port that was used last, so that clients find it again. If it is not free, it tries random ports below
// the range that systems use for outgoing connections. An unreadable port file is ignored.
func listenOnSavedPort(ctx context.Context, state string) (net.Listener, error) {
	file := filepath.Join(state, portFile)
	var saved savedPort
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &saved) != nil {
		saved = savedPort{}
	}
	port := saved.Port
	for range portTries {
		if port > 0 && port < 1<<16 {
			l, err := listen(ctx, net.JoinHostPort(loopback, strconv.Itoa(port)))
			if err == nil {
				return l, savePort(file, saved.Port, port, l)
			}
			if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
				return nil, fmt.Errorf("listen for HTTP: %w", err)
			}
		}
		port = 20000 + rand.IntN(12000)
	}
	return nil, fmt.Errorf("listen for HTTP: none of %d ports tried is free on %s", portTries, loopback)
}

func savePort(file string, before, now int, l net.Listener) error {
	if before == now {
		return nil
	}
	text, err := json.Marshal(savedPort{now})
	if err == nil {
		err = object.WriteFile(file, append(text, '\n'))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("save HTTP port: %w", err), l.Close())
	}
	return nil
}
