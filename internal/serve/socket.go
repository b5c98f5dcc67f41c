// The Unix socket through which other processes of the same user hand over their commands.

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
	// maxSocketPath is what the address of a socket holds: 104 bytes on some systems, with the one that ends it.
	maxSocketPath = 103
)

// SocketFile is where the process that serves the project whose state is in the folder takes commands.
func SocketFile(state string) string { return filepath.Join(state, socketFile) }

// ListenCommands opens the project's socket, in place of what a dead process left of one. Only the owner of the file may
// connect (and root): it is made in a folder that nobody else may enter, so that there is no moment at which others can.
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
		unixListener.SetUnlinkOnClose(false) // by the path it was made at
	}
	if err := errors.Join(os.Chmod(created, 0o600), os.Rename(created, s.path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return s, nil
}

// socket is a listener that takes its file with it.
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

// withShortPath gives use a path of the socket that fits into an address: where the path is too long, one through a link
// in a folder of its own, which is needed until the call returns.
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
	defer func() { _ = os.RemoveAll(private) }() // what is left of it is the system's to clear
	link := filepath.Join(private, "at")
	if err := os.Symlink(filepath.Dir(path), link); err != nil {
		return err
	}
	return use(filepath.Join(link, filepath.Base(path)))
}

// shortTemp is the folder for temporary files, or the one that every system has where that is a long way down.
func shortTemp() string {
	const below = len("/bursar-1234567890/at/" + socketFile)
	if temp := os.TempDir(); len(temp)+below <= maxSocketPath {
		return temp
	}
	return "/tmp"
}
