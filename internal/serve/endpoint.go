// How others find a running server: the address of its API, chosen once per project, and the files with its process id and token.

package serve

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/durable"
	"bursar/internal/failure"
	"bursar/internal/loopback"
)

const (
	endpointFile = "api.json"
	tokenFile    = "token"
	tokenBytes   = 32
)

// TokenFile returns the path of the token of the project with this state folder.
func TokenFile(state string) string { return filepath.Join(state, tokenFile) }

// Token returns the project's token, which the first call creates. Only the owner may read its file (rule 8).
func Token(state string) (string, error) {
	text, err := os.ReadFile(TokenFile(state))
	if token := strings.TrimSpace(string(text)); err == nil && token != "" {
		return token, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read API token: %w", err)
	}
	secret := make([]byte, tokenBytes)
	_, _ = rand.Read(secret) // it never fails
	token := hex.EncodeToString(secret)
	if err := durable.WriteFile(TokenFile(state), []byte(token+"\n")); err != nil {
		return "", fmt.Errorf("write API token: %w", err)
	}
	return token, nil
}

// Endpoint is the address at which a project is served, and the process that serves it.
type Endpoint struct {
	Address string `json:"address"` // of the HTTP API, host:port
	Process int    `json:"process"`
}

// Announce writes the endpoint for other processes. withdraw removes it.
func Announce(state string, c Endpoint) (withdraw func() error, err error) {
	text, err := json.Marshal(c)
	if err == nil {
		err = durable.WriteFile(filepath.Join(state, endpointFile), append(text, '\n'))
	}
	if err != nil {
		return nil, fmt.Errorf("announce API: %w", err)
	}
	return func() error {
		if err := os.Remove(filepath.Join(state, endpointFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("withdraw API: %w", err)
		}
		return nil
	}, nil
}

// readEndpoint reads what the process has announced. ok is false if it has announced nothing.
func readEndpoint(state string, process int) (c Endpoint, ok bool) {
	text, err := os.ReadFile(filepath.Join(state, endpointFile))
	if err != nil || json.Unmarshal(text, &c) != nil {
		return Endpoint{}, false
	}
	return c, c.Process == process
}

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
