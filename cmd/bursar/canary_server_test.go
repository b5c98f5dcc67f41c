//go:build linux

// Servers that receive secrets: one repeats requests in its errors, one rejects the password of a user of SFTP.

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// echoServer answers each request in a mode: with an error that repeats it, or not at all.
type echoServer struct {
	*httptest.Server
	kinds []string
	done  chan struct{}

	mu      sync.Mutex
	mode    string          // a status, or hang
	hanging map[string]bool // kinds that have sent a request which is not answered
	asked   map[string]bool // kinds that have sent their secrets
}

func newEchoServer(t *testing.T) *echoServer {
	t.Helper()
	s := &echoServer{kinds: []string{"ofx", "simplefin", "cursor"}, done: make(chan struct{}), mode: "500", hanging: map[string]bool{}, asked: map[string]bool{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.repeat))
	t.Cleanup(func() {
		close(s.done)
		s.Close()
	})
	return s
}

// repeat writes the whole request into the body of the answer.
func (s *echoServer) repeat(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // as much as there is
	user, password, _ := r.BasicAuth()
	kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	text := fmt.Sprintf("%s %s %s:%s %s %s", r.Method, r.URL, user, password, r.Header.Get("Authorization"), body)
	s.mu.Lock()
	mode := s.mode
	s.asked[kind] = s.asked[kind] || strings.Contains(text, canary(""))
	s.hanging[kind] = mode == "hang"
	s.mu.Unlock()
	status, err := strconv.Atoi(mode)
	if err != nil {
		select {
		case <-s.done:
		case <-r.Context().Done():
		}
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (s *echoServer) set(mode string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = mode
}

// awaitHanging waits until each kind has sent a request that is not answered.
func (s *echoServer) awaitHanging(t *testing.T) {
	t.Helper()
	until(t, "requests hang", 3*time.Minute, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, kind := range s.kinds {
			if !s.hanging[kind] {
				return false
			}
		}
		return true
	})
}

// wasAsked expects that the secrets were sent: else nothing is proven.
func (s *echoServer) wasAsked(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range s.kinds {
		if !s.asked[kind] {
			t.Errorf("%s has not sent its secrets", kind)
		}
	}
}

// refusingSFTP starts a server that rejects every password, and repeats it in what it says to the user. It returns its address and its key.
func refusingSFTP(t *testing.T) (address, fingerprint string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	c := &ssh.ServerConfig{PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		return nil, &ssh.BannerError{Err: fmt.Errorf("rejected %s", password), Message: fmt.Sprintf("%s is wrong", password)}
	}}
	c.AddHostKey(key)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _, _, _ = ssh.NewServerConn(conn, c) // it never succeeds
			_ = conn.Close()
		}
	}()
	return listener.Addr().String(), ssh.FingerprintSHA256(key.PublicKey())
}
