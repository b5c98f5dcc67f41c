// Package files delivers the statement files that an institution, or a person, puts into a folder: a local one, or one on an SFTP server. It owns
// which files are complete, which were delivered before, and which are refused. It guarantees that every complete file is delivered at least
// once, whatever its time, that a session reads nothing outside the folder, and that it sends nothing to a server whose key is not the declared
// one. It must not change the folder, or know what the files contain.
package files

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
)

const (
	// account is the id of the only account: files say themselves what accounts they are about.
	account = "main"
	// defaultSettle is how long a file must stay as it is to be complete.
	defaultSettle = 5 * time.Second
)

// Connector reads folders. The settings are:
//
//	url       a folder, relative to the project folder, or sftp://host:port/path; /~/path is relative to the folder of the user
//	pattern   of the names of files, as in *.xml; the default is *
//	settled   how long the size and time of a file must not change until it is complete; the default is 5s
//	host_key  of the SFTP server: its fingerprint, as in SHA256:…, or the key, as in "ssh-ed25519 AAAA…"
//
// The credentials of an SFTP server are user, and password, or private_key with a passphrase if it has one.
//
// Names that begin with a dot or end in .part, .tmp or .filepart are those of files that are being written, and empty files are. Folders inside the
// folder are not read. A link is followed if it ends inside a local folder; those of a server are refused, because where they end is not known.
type Connector struct {
	wait func(context.Context, time.Duration) error // replaced by tests
}

// file is a file as a folder lists it.
type file struct {
	name     string
	size     int64
	modified int64  // nanoseconds since 1970
	refused  string // why it is not read; empty if it is
}

// folder is where files are.
type folder interface {
	// list returns the files in the folder, in any order.
	list(ctx context.Context) ([]file, error)
	// read returns the content of a file. errChanged is in the chain of the error if the file is not as it was listed.
	read(ctx context.Context, f *file) ([]byte, error)
	// close frees everything.
	close() error
}

var errChanged = errors.New("it was changed while it was read")

func badf(format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf(format, args...))
}

// LogIn opens the folder.
func (c Connector) LogIn(ctx context.Context, l connector.Login) (connector.Session, error) {
	s := &session{name: l.Settings["url"], pattern: "*", settle: defaultSettle, wait: c.wait}
	if s.wait == nil {
		s.wait = wait
	}
	for name, value := range l.Settings {
		if err := s.set(name, value); err != nil {
			return nil, fmt.Errorf("setting %s: %w", name, err)
		}
	}
	if s.name == "" {
		return nil, badf("set url to a folder, or to sftp://host/path")
	}
	var err error
	if strings.Contains(s.name, "://") {
		s.folder, err = openRemote(ctx, &l)
	} else {
		s.folder, err = openLocal(l.Folder, &l)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *session) set(name, value string) (err error) {
	switch name {
	case "url", "host_key":
	case "pattern":
		s.pattern = value
		if _, err = path.Match(value, ""); err != nil || value == "" || strings.Contains(value, "/") {
			return badf("%q is not a pattern of names, as in *.xml", value)
		}
	case "settled":
		s.settle, err = time.ParseDuration(value)
		if err != nil || s.settle < 0 || s.settle > time.Minute {
			return badf("%q is not a duration of up to a minute, as in 5s", value)
		}
	default:
		return badf("there is no such setting; those of folders are url, pattern, settled and host_key")
	}
	return nil
}

// wait waits until a time has passed.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return failure.Wrap(failure.Transient, context.Cause(ctx))
	case <-timer.C:
		return nil
	}
}

// List returns one account, with the name of the folder.
func (s *session) List(context.Context) ([]connector.Account, error) {
	name := filepath.Base(s.name)
	if u, err := url.Parse(s.name); err == nil && u.Host != "" {
		name = u.Host + u.Path
	}
	return []connector.Account{{ID: account, Name: name}}, nil
}

// Close closes the folder.
func (s *session) Close(context.Context) error { return s.folder.close() }

// isTemporary reports whether a name is that of a file that is being written.
func isTemporary(name string) bool {
	if strings.HasPrefix(name, ".") {
		return true
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".part", ".tmp", ".filepart":
		return true
	}
	return false
}
