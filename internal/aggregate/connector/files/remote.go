// Folders on SFTP servers.

package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"

	"github.com/pkg/sftp"
)

const (
	// requestTimeout bounds a list of a folder, and the reading of a file.
	requestTimeout = 5 * time.Minute
	// maxAnswer bounds what a server sends for one request, in bytes: a file, and what carries it.
	maxAnswer = connector.MaxBody + connector.MaxBody/4
)

var errLongAnswer = failure.Wrap(failure.Data, fmt.Errorf("the server sends more than %d bytes for one request", maxAnswer))

// remote is a folder of a server.
type remote struct {
	conn    *boundedConn
	client  *sftp.Client
	folder  string
	permit  func(context.Context) error
	timeout time.Duration
}

// boundedConn ends when the server sends too much.
type boundedConn struct {
	net.Conn
	left    atomic.Int64 // bytes that the server may send
	isEnded atomic.Bool
}

func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.left.Add(-int64(n)) < 0 {
		c.isEnded.Store(true)
		_ = c.Close()
		return 0, errLongAnswer
	}
	return n, err
}

// openRemote connects to a server.
func openRemote(ctx context.Context, l *connector.Login) (*remote, error) {
	t, err := parseTarget(l)
	if err != nil {
		return nil, err
	}
	r := &remote{folder: t.folder, permit: l.Permit, timeout: requestTimeout}
	if err := l.Permit(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if r.conn, r.client, err = t.connect(ctx); err != nil {
		return nil, t.explain(ctx, err)
	}
	return r, nil
}

// close ends the connection without a word to the server, which might not listen.
func (r *remote) close() error {
	_ = r.conn.Close()
	_ = r.client.Close() // it has no connection any more
	return nil
}

// request asks for a permit, and sends what do sends. The connection ends if the context does: a server that does not answer is not waited for.
func (r *remote) request(ctx context.Context, do func(context.Context) error) error {
	if err := r.permit(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("the server did not answer within %v", r.timeout))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = r.conn.Close() })
	defer stop()
	r.conn.left.Store(maxAnswer)
	err := do(ctx)
	switch {
	case err == nil, errors.Is(err, errChanged):
		return err
	case ctx.Err() != nil:
		return failure.Wrap(failure.Transient, context.Cause(ctx))
	case r.conn.isEnded.Load():
		return errLongAnswer
	case isPassing(err):
		return failure.Wrap(failure.Transient, err)
	}
	return failure.Wrap(failure.Data, err)
}

// isPassing reports whether an error is one of the connection, or one for which the server gives no reason.
func isPassing(err error) bool {
	var status *sftp.StatusError
	if errors.As(err, &status) {
		return errors.Is(status.FxCode(), sftp.ErrSSHFxFailure)
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, sftp.ErrSSHFxConnectionLost) ||
		strings.Contains(err.Error(), "ssh: disconnect") || failure.Of(err) == failure.Transient
}

func (r *remote) list(ctx context.Context) (found []file, err error) {
	var entries []fs.FileInfo
	err = r.request(ctx, func(ctx context.Context) (err error) {
		entries, err = r.client.ReadDirContext(ctx, r.folder)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		f := file{name: entry.Name(), size: entry.Size(), modified: entry.ModTime().UnixNano()}
		switch mode := entry.Mode(); {
		case strings.ContainsAny(f.name, "/\x00"): // it would leave the folder
			f = file{name: f.name, refused: "its name is not that of a file"}
		case mode&fs.ModeSymlink != 0:
			f = file{name: f.name, refused: "it is a link, and where it ends is not known"}
		case !mode.IsRegular():
			continue
		}
		found = append(found, f)
	}
	return found, nil
}

func (r *remote) read(ctx context.Context, f *file) (content []byte, err error) {
	err = r.request(ctx, func(context.Context) error {
		opened, err := r.client.Open(r.client.Join(r.folder, f.name))
		if err != nil {
			return err
		}
		defer opened.Close()
		w := &exactly{left: f.size}
		if _, err = opened.WriteTo(w); err != nil { // several requests at a time
			return err
		}
		info, err := opened.Stat()
		if err != nil {
			return err
		}
		if w.left != 0 || info.Size() != f.size || info.ModTime().UnixNano() != f.modified {
			return errChanged
		}
		content = w.Bytes()
		return nil
	})
	return content, err
}

// exactly takes so many bytes, and no more.
type exactly struct {
	bytes.Buffer
	left int64
}

func (e *exactly) Write(p []byte) (int, error) {
	if e.left -= int64(len(p)); e.left < 0 {
		return 0, errChanged
	}
	return e.Buffer.Write(p)
}
