// Local folders.

package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
)

// local is a folder of this machine. A root refuses links that leave it.
type local struct{ root *os.Root }

func openLocal(project string, l *connector.Login) (*local, error) {
	for name := range l.Credentials {
		return nil, badf("the credential %s: folders of this machine need none", name)
	}
	if l.Settings["host_key"] != "" {
		return nil, badf("setting host_key: only SFTP servers have one")
	}
	path := l.Settings["url"]
	if !filepath.IsAbs(path) {
		path = filepath.Join(project, path)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		err = fmt.Errorf("open the folder of statements: %w; create it, or correct url", err)
		if failure.Of(err) == failure.Transient {
			return nil, err
		}
		return nil, failure.Wrap(failure.Data, err)
	}
	return &local{root}, nil
}

func (l *local) close() error { return l.root.Close() }

func (l *local) list(ctx context.Context) (found []file, err error) {
	dir, err := l.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if ctx.Err() != nil {
			return nil, failure.Wrap(failure.Transient, context.Cause(ctx))
		}
		info, err := l.root.Stat(entry.Name()) // of what a link leads to
		switch {
		case err == nil && info.Mode().IsRegular():
			found = append(found, file{name: entry.Name(), size: info.Size(), modified: info.ModTime().UnixNano()})
		case err != nil && entry.Type()&fs.ModeSymlink != 0:
			found = append(found, file{name: entry.Name(), refused: "it is a link that does not end in a file of the folder"})
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return found, nil
}

func (l *local) read(ctx context.Context, f *file) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, failure.Wrap(failure.Transient, context.Cause(ctx))
	}
	opened, err := l.root.Open(f.name)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, f.size+1))
	if err != nil {
		return nil, err
	}
	info, err := opened.Stat()
	if err != nil {
		return nil, err
	}
	if int64(len(content)) != f.size || info.Size() != f.size || info.ModTime().UnixNano() != f.modified {
		return nil, errChanged
	}
	return content, nil
}
