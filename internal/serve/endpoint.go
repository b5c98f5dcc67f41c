// How others find and reach a running server: the address of its API, chosen once per project, the files with its process id and token, and
// the Unix socket through which other processes of the same user forward their commands.

package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"bursar/internal/durable"
	"bursar/internal/failure"
	"bursar/internal/loopback"
	"bursar/internal/serve/access"
)

const (
	endpointFile = "api.json"
	tokenFile    = "token"
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
	token := access.NewSecret()
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
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: stop the program that uses it, or set another address with --listen", err)
	}
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

const (
	socketFile = "commands.sock"
	// maxSocketPath is the maximum length of a socket's path: some systems allow 104 bytes with the terminating zero.
	maxSocketPath = 103
)

// SocketFile returns the path of the command socket of the project with this state folder.
func SocketFile(state string) string { return filepath.Join(state, socketFile) }

// ListenCommands opens the project's socket and replaces one that a dead process left. Only the file's owner and root can
// connect: the socket is created in a folder that nobody else may enter, so that others cannot connect at any moment.
func ListenCommands(ctx context.Context, state string) (_ net.Listener, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("listen for commands at %s: %w", SocketFile(state), err)
		}
	}()
	private := filepath.Join(state, socketFile+".new")
	if err := os.RemoveAll(private); err != nil {
		return nil, err
	}
	if err := os.Mkdir(private, 0o700); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(private)) }()
	created := filepath.Join(private, socketFile)
	var l net.Listener
	err = withShortPath(created, func(path string) error {
		l, err = (&net.ListenConfig{}).Listen(ctx, "unix", path)
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &socket{Listener: l, path: SocketFile(state)}
	if unixListener, ok := l.(*net.UnixListener); ok {
		unixListener.SetUnlinkOnClose(false) // it would remove the path at which the socket was created
	}
	if err := errors.Join(os.Chmod(created, 0o600), os.Rename(created, s.path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return s, nil
}

// socket is a listener that removes its file when it is closed.
type socket struct {
	net.Listener
	path string
}

// Close closes the listener and removes its file.
func (s *socket) Close() error {
	err := s.Listener.Close()
	if removeErr := os.Remove(s.path); !errors.Is(removeErr, fs.ErrNotExist) {
		err = errors.Join(err, removeErr)
	}
	return err
}

func dialSocket(ctx context.Context, state string) (conn net.Conn, err error) {
	err = withShortPath(SocketFile(state), func(path string) error {
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", path)
		return err
	})
	return conn, err
}

// withShortPath calls use with a path of the socket that is short enough for a socket address. If the path is too long,
// it uses a symbolic link in a temporary folder that exists until use returns.
func withShortPath(path string, use func(path string) error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if len(path) <= maxSocketPath {
		return use(path)
	}
	private, err := os.MkdirTemp(shortTemp(), "bursar-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(private) }() // the system clears what remains
	link := filepath.Join(private, "at")
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		return err
	}
	return use(filepath.Join(link, filepath.Base(path)))
}

// shortTemp returns the folder for temporary files, or /tmp if that folder's path is too long.
func shortTemp() string {
	const below = len("/bursar-1234567890/at/" + socketFile)
	if temp := os.TempDir(); len(temp)+below <= maxSocketPath {
		return temp
	}
	return "/tmp"
}
