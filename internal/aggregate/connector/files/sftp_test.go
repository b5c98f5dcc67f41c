// An SFTP server for tests, which serves a folder and misbehaves if asked.

package files

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

const (
	testUser     = "institution"
	testPassword = "canary of a password"
)

// server is an SFTP server on loopback.
type server struct {
	t       *testing.T
	folder  string
	hostKey ssh.Signer
	config  ssh.ServerConfig
	address string
	program string // that serves instead of this process, as sshd uses it
	onRead  func(name string) error
	onList  func(offset int) ([]os.FileInfo, error)

	requests  atomic.Int32 // lists and opens
	passwords atomic.Int32
	conns     sync.Map
}

// newKey returns a private key, and its text.
func newKey(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, private
}

// newServer returns a server that accepts the password. Its config may be changed before start.
func newServer(t *testing.T, folder string) *server {
	t.Helper()
	s := &server{t: t, folder: folder}
	s.hostKey, _ = newKey(t)
	s.config.AddHostKey(s.hostKey)
	s.config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		s.passwords.Add(1)
		if c.User() != testUser || string(password) != testPassword {
			return nil, errors.New("the password is wrong")
		}
		return nil, nil
	}
	return s
}

func (s *server) start() *server {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = l.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Store(conn, true)
			serving.Go(func() { s.serve(conn) })
		}
	})
	s.t.Cleanup(func() {
		_ = l.Close()
		s.cut()
		serving.Wait()
	})
	return s
}

// cut ends all connections.
func (s *server) cut() {
	s.conns.Range(func(conn, _ any) bool {
		if conn, is := conn.(net.Conn); is {
			_ = conn.Close()
		}
		return true
	})
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	c, channels, requests, err := ssh.NewServerConn(conn, &s.config)
	if err != nil {
		return
	}
	defer c.Close()
	go ssh.DiscardRequests(requests)
	for opened := range channels {
		channel, requests, err := opened.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				isSFTP := r.Type == "subsystem" && strings.Contains(string(r.Payload), "sftp")
				_ = r.Reply(isSFTP, nil)
				if isSFTP {
					go s.serveFiles(channel)
				}
			}
		}()
	}
}

func (s *server) serveFiles(channel ssh.Channel) {
	defer channel.Close()
	if s.program != "" {
		c := exec.Command(s.program, "-R", "-d", s.folder)
		c.Stdin, c.Stdout = channel, channel
		_ = c.Run()
		return
	}
	files := sftp.NewRequestServer(channel, sftp.Handlers{FileGet: s, FileList: s})
	_ = files.Serve()
}

// Fileread opens a file.
func (s *server) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	s.requests.Add(1)
	if s.onRead != nil {
		if err := s.onRead(filepath.Base(r.Filepath)); err != nil {
			return nil, err
		}
	}
	return os.Open(filepath.Join(s.folder, filepath.Base(r.Filepath)))
}

// Filelist lists the folder, or a file.
func (s *server) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Method != "List" && s.onList != nil {
		infos, err := s.onList(0)
		return listing(infos[:1]), err
	}
	if r.Method != "List" {
		info, err := os.Stat(filepath.Join(s.folder, filepath.Base(r.Filepath)))
		return listing{info}, err
	}
	s.requests.Add(1)
	if s.onList != nil {
		return s, nil
	}
	entries, err := os.ReadDir(s.folder)
	var l listing
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, err
		}
		l = append(l, info)
	}
	return l, err
}

// ListAt lists what onList says.
func (s *server) ListAt(into []os.FileInfo, offset int64) (int, error) {
	infos, err := s.onList(int(offset))
	return copy(into, infos), err
}

type listing []os.FileInfo

func (l listing) ListAt(into []os.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	return copy(into, l[offset:]), nil
}
