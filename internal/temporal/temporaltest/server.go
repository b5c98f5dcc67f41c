// Package temporaltest starts Temporal servers for tests: each is a process of its own, with its state in PostgreSQL, that can be killed
// and started again at the same address. It owns the processes, their databases, namespaces and certificates. It must not know what is
// tested, and only tests link it.
package temporaltest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"bursar/internal/postgres/postgrestest"
	"bursar/internal/temporal/schema"
)

const (
	host         = "127.0.0.1"
	startTimeout = 2 * time.Minute
	// role is the user of the databases, and the password: the server does not connect with the spaces in that of postgrestest.
	role = "temporal"
	// Retention is that of every namespace.
	Retention = 72 * time.Hour
)

// Options are what a server of its own differs in.
type Options struct {
	Certificate *Certificate         // accepts only TLS connections
	Clients     *Authority           // and only from clients with a certificate of this authority
	APIKey      string               // and only with this key, but for questions about the server itself
	Postgres    *postgrestest.Server // with its databases; by default the one that all tests of the process share
}

// Server is a Temporal server.
type Server struct {
	Address string // host:port of its frontend

	options  Options
	settings settings
	admin    *tls.Config // of this package's own client

	mu    sync.Mutex
	cmd   *exec.Cmd
	input io.Closer
	log   *tail
}

// shared is the server of Shared once it is started.
var shared struct {
	sync.Mutex
	server *Server
	err    error
}

// Shared returns the server that all tests of this process share, without TLS. The test is skipped where PostgreSQL is not installed.
func Shared(t testing.TB) *Server {
	t.Helper()
	postgres := postgrestest.Shared(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start(t, Options{Postgres: postgres})
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// Start starts a server that is stopped with the test. The test is skipped where PostgreSQL is not installed.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	if options.Postgres == nil {
		options.Postgres = postgrestest.Shared(t)
	}
	s, err := start(t, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// databases numbers the databases of this process, namespaces its namespaces.
var databases, namespaces atomic.Int64

func start(t testing.TB, options Options) (*Server, error) {
	postgres := options.Postgres
	number := databases.Add(1)
	s := &Server{options: options}
	s.settings = settings{
		Store: fmt.Sprintf("temporal_%d", number), Visibility: fmt.Sprintf("visibility_%d", number),
		Database: postgres.Address, User: role, Password: role, APIKey: options.APIKey,
	}
	postgres.Exec(t, "DO $$ BEGIN CREATE ROLE "+role+" SUPERUSER LOGIN PASSWORD '"+role+"'; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$")
	for name, kind := range map[string]schema.Database{s.settings.Store: schema.Temporal, s.settings.Visibility: schema.Visibility} {
		postgres.Exec(t, "CREATE DATABASE "+name)
		if _, err := schema.Update(context.Background(), postgres.URL(name), kind, false); err != nil {
			return nil, err
		}
	}
	if options.Certificate != nil {
		s.settings.Certificate, s.settings.Key = options.Certificate.Cert, options.Certificate.Key
		s.admin = &tls.Config{InsecureSkipVerify: true} // the certificate may be wrong for a test
	}
	if options.Clients != nil {
		s.settings.Clients = options.Clients.PEM
		pair, err := tls.X509KeyPair(options.Clients.admin(t))
		if err != nil {
			return nil, err
		}
		s.admin.Certificates = []tls.Certificate{pair}
	}
	var err error
	for range starts {
		if s.settings.Ports, err = freePorts(); err != nil {
			return nil, err
		}
		s.Address = net.JoinHostPort(host, strconv.Itoa(s.settings.Ports[0]))
		if err = s.run(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// starts is how often a start is tried: another program may take a port between its choice and its use.
const starts = 3

// freePorts returns ports for the four services. They are below the range of outgoing connections, so that a server gets them again after
// a kill, and below that of the embedded servers.
func freePorts() (ports [4]int, err error) {
	taken := map[int]bool{}
	for i := range ports {
		for tries := 0; ports[i] == 0; tries++ {
			port := 10000 + rand.IntN(10000)
			l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
			if err != nil && tries < 1000 {
				continue
			}
			if err != nil {
				return ports, err
			}
			_ = l.Close()
			if !taken[port] {
				ports[i], taken[port] = port, true
			}
		}
	}
	return ports, nil
}

// run starts the process and waits until the server answers.
func (s *Server) run() error {
	text, err := json.Marshal(s.settings)
	if err != nil {
		return err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	s.log = &tail{}
	cmd.Stderr = s.log
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(output)
		ready <- lines.Scan() && lines.Text() == readyLine
		_, _ = io.Copy(io.Discard, output)
	}()
	s.mu.Lock()
	s.cmd, s.input = cmd, input
	s.mu.Unlock()
	select {
	case ok := <-ready:
		if ok {
			err = s.awaitServing()
		} else {
			err = errors.New("the process ended")
		}
	case <-time.After(startTimeout):
		err = errors.New("it is not ready")
	}
	if err != nil {
		s.kill()
		return fmt.Errorf("start a Temporal server: %w: %s", err, s.log)
	}
	return nil
}

// awaitServing waits until the frontend answers: it refuses requests until the other services have joined.
func (s *Server) awaitServing() error {
	c, err := client.NewLazyClient(s.clientOptions(""))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if _, err = c.CheckHealth(ctx, &client.CheckHealthRequest{}); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func (s *Server) clientOptions(namespace string) client.Options {
	o := client.Options{HostPort: s.Address, Namespace: namespace, ConnectionOptions: client.ConnectionOptions{TLS: s.admin}, Logger: quiet{}}
	if s.options.APIKey != "" {
		o.Credentials = client.NewAPIKeyStaticCredentials(s.options.APIKey)
	}
	return o
}

// quiet discards the log of this package's own clients.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// Namespace creates a namespace and returns its name.
func (s *Server) Namespace(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test-%d", namespaces.Add(1))
	c, err := client.NewNamespaceClient(s.clientOptions(""))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Register(context.Background(), &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(Retention),
	})
	if err != nil {
		t.Fatalf("create namespace %s: %v", name, err)
	}
	return name
}

// Kill kills the server, as kill -9 does. It does nothing if the server is killed already.
func (s *Server) Kill(testing.TB) { s.kill() }

func (s *Server) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // its only news is that it was killed
	_ = s.input.Close()
	s.cmd = nil
}

// Restart starts a killed server again, at the same address and on the same databases. Any goroutine may call it.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	var err error
	for range starts {
		var ports [4]int
		if ports, err = freePorts(); err != nil {
			break
		}
		copy(s.settings.Ports[1:], ports[1:]) // only the server itself uses these
		if err = s.run(); err == nil {
			return
		}
	}
	t.Error(err)
}
