// The Unix socket through which other processes of the same user forward their commands.

package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

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

// dialSocket connects to the project's socket.
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
