// Package s3test starts S3 servers for tests: on loopback, on a free port, until their test ends. It owns their processes and
// folders, and guarantees that a server answers before a test sees it. It must not be used by the product.
package s3test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Keys of the servers, which are reached by this machine only.
const (
	AccessKey = "test"
	SecretKey = "testsecret"
	Region    = "us-east-1"
)

// Server is a running server.
type Server struct {
	Endpoint string // a URL
	process  *exec.Cmd
	exited   chan struct{}
	output   *output
	dir      string
}

// Versitygw starts the server that .tools/servers/go.mod pins, and stops it with the test. It skips the test if the server cannot
// be built, which needs the network once.
func Versitygw(tb testing.TB) *Server {
	tb.Helper()
	path, err := versitygw()
	if err != nil {
		tb.Skipf("versitygw, the S3 server of tests, cannot be built: %v", err)
	}
	return started(tb, func(address, dir string) *exec.Cmd {
		return exec.Command(path, "--quiet", "--port", address, "--access", AccessKey, "--secret", SecretKey, "posix", dir)
	})
}

// Moto starts moto_server, and skips the test if it is not on PATH.
func Moto(tb testing.TB) *Server {
	tb.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		tb.Skip("moto_server, the second S3 server of tests, is not on PATH: pip install 'moto[server]'")
	}
	if out, err := exec.Command(path, "--help").CombinedOutput(); err != nil {
		tb.Skipf("moto_server, the second S3 server of tests, does not start: %v: %s", err, out)
	}
	return started(tb, func(address, _ string) *exec.Cmd {
		host, port, _ := strings.Cut(address, ":")
		return exec.Command(path, "-H", host, "-p", port)
	})
}

// versitygw returns the path of the server's program, which the go command builds once for each machine and keeps in its cache.
var versitygw = sync.OnceValues(func() (string, error) {
	module, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	build := exec.Command("go", "tool", "-n", "versitygw")
	build.Dir = filepath.Join(filepath.Dir(string(module)), ".tools", "servers")
	var fault strings.Builder
	build.Stderr = &fault
	path, err := build.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, fault.String())
	}
	return strings.TrimSpace(string(path)), nil
})

// startAttempts is how often another port is tried: a port that was free may be taken before the server has it.
const startAttempts = 3

func started(tb testing.TB, command func(address, dir string) *exec.Cmd) *Server {
	tb.Helper()
	var err error
	for range startAttempts {
		s := &Server{dir: tb.TempDir()}
		if err = s.start(command); err == nil {
			tb.Cleanup(s.stop)
			return s
		}
		s.stop()
	}
	tb.Fatalf("start S3 server: %v", err)
	return nil
}

func (s *Server) start(command func(address, dir string) *exec.Cmd) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	s.Endpoint, s.exited, s.output = "http://"+address, make(chan struct{}), &output{}
	s.process = command(address, s.dir)
	s.process.Dir, s.process.Stdout, s.process.Stderr = s.dir, s.output, s.output
	endWithParent(s.process)
	if err := s.process.Start(); err != nil {
		close(s.exited)
		return err
	}
	go func() {
		defer close(s.exited)
		_ = s.process.Wait() // it is killed
	}()
	return s.ready()
}

// ready waits until the server answers.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint, http.NoBody)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			return answer.Body.Close()
		}
		select {
		case <-again.C:
		case <-s.exited:
			return fmt.Errorf("it ended: %s", s.output)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %s", s.output)
		}
	}
}

func (s *Server) stop() {
	if s.process != nil && s.process.Process != nil {
		_ = s.process.Process.Kill() // it may have ended
		<-s.exited
	}
}

// NewBucket creates a bucket.
func (s *Server) NewBucket(tb testing.TB, name string) {
	tb.Helper()
	if err := s.create(name); err != nil {
		tb.Fatalf("create bucket %s: %v", name, err)
	}
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// output keeps the beginning of what a server prints.
type output struct {
	mu   sync.Mutex
	text []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b[:min(len(b), 4096-min(len(o.text), 4096))]...)
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}
