// Package postgrestest starts PostgreSQL servers for tests: on loopback, in a temporary folder, stopped when the test process ends
// in any way. It owns the servers, their databases and certificates, and a proxy that injects network faults. It must not know
// what is tested.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// User and Password are those of the superuser of every server.
const (
	User     = "bursar"
	Password = "correct horse battery staple"
)

// startTimeout is how long a server may take to start.
const startTimeout = time.Minute

// Options are what a server of its own differs in.
type Options struct {
	Settings    []string     // name=value, as in postgresql.conf
	Certificate *Certificate // accepts only TLS connections
	Log         string       // a folder for the log of transactions, which then has files of 1 MB; it is created
}

// Server is a running server.
type Server struct {
	Address string // host:port on loopback

	databases atomic.Int64
	dir       string
	tls       bool
	stop      func()
	input     io.Writer  // of the guard
	ready     chan error // of each start
}

var shared = sync.OnceValues(func() (*Server, error) {
	// The data of tests need not survive a power failure.
	return start(Options{Settings: []string{"fsync=off", "full_page_writes=off", "synchronous_commit=off"}})
})

// Shared returns the server that all tests of this process share. The test is skipped where PostgreSQL is not installed.
func Shared(t testing.TB) *Server {
	t.Helper()
	needBinaries(t)
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Start starts a server that is stopped with the test. The test is skipped where PostgreSQL is not installed.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	needBinaries(t)
	s, err := start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// URL returns the URL of a new database on the shared server, which is dropped with the test.
func URL(t testing.TB) string {
	t.Helper()
	return Shared(t).Database(t)
}

// Database creates a database, which is dropped with the test, and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	s.Exec(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { s.Exec(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return s.URL(name)
}

// URL returns the URL of a database for the superuser.
func (s *Server) URL(database string) string {
	mode := "disable"
	if s.tls {
		mode = "require"
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(User, Password), Host: s.Address, Path: "/" + database,
		RawQuery: url.Values{"sslmode": {mode}}.Encode(),
	}
	return u.String()
}

// Exec runs statements as the superuser, in the database postgres.
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	ExecIn(t, s.URL("postgres"), statements...)
}

// ExecIn runs statements in the database with the given URL.
func ExecIn(t testing.TB, location string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, location)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Number returns the number that a query in the database with the given URL selects.
func Number(t testing.TB, location, query string) (n int64) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, location)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Stop stops the server, as an administrator does who does not wait for its clients.
func (s *Server) Stop() { s.stop() }

// WithSetting returns a URL with a parameter set.
func WithSetting(t testing.TB, location, name, value string) string {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// binaries returns the folder of initdb and postgres: the newest version that is installed, or that on the PATH.
var binaries = sync.OnceValue(func() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return ""
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(found[len(found)-1])
})

func needBinaries(t testing.TB) {
	t.Helper()
	if binaries() == "" {
		t.Skip("PostgreSQL is not installed: neither initdb on the PATH nor /usr/lib/postgresql/*/bin; install the package postgresql")
	}
}

func start(options Options) (*Server, error) {
	dir, err := os.MkdirTemp("", "bursar-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, tls: options.Certificate != nil}
	if err = s.create(options); err == nil {
		// Another process may take the port between its choice and its use.
		for range 5 {
			if err = s.run(options.Settings); err == nil {
				return s, nil
			}
		}
	}
	return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), os.RemoveAll(dir))
}

// account returns the user that runs the server: PostgreSQL refuses to run as root.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // the user of this process
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
			gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errUID, errGID)
		}
	}
	return nil, errors.New("there is no user postgres")
}

// create makes the data folder.
func (s *Server) create(options Options) error {
	if err := os.WriteFile(filepath.Join(s.dir, "password"), []byte(Password), 0o600); err != nil {
		return err
	}
	if options.Certificate != nil {
		if err := options.Certificate.write(s.dir); err != nil {
			return err
		}
	}
	owner, err := account()
	if err != nil {
		return err
	}
	if owner != nil {
		err = filepath.WalkDir(s.dir, func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Chown(path, int(owner.Uid), int(owner.Gid)))
		})
		if err != nil {
			return err
		}
	}
	initdb := s.command(owner, filepath.Join(binaries(), "initdb"), "-D", s.data(), "-U", User, "--auth=scram-sha-256",
		"--pwfile="+filepath.Join(s.dir, "password"), "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	if options.Log != "" {
		initdb.Args = append(initdb.Args, "--waldir="+options.Log, "--wal-segsize=1")
	}
	if text, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, text)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(owner *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Setpgid: true}
	return cmd
}

// guard runs the server until its standard input ends, which it does at the latest when the test process ends in any way. Then it
// stops the server and removes the folder. Each line of its input is a signal: it ends the server with it, and starts it again.
const guard = `dir=$1; shift
	run() { "$@" & pid=$!; }
	run "$@"
	while read -r signal; do kill -$signal $pid; wait $pid 2>/dev/null; echo "` + startsAgain + `" >&2; run "$@"; done
	kill -QUIT $pid; wait $pid 2>/dev/null; rm -rf "$dir"`

func (s *Server) run(settings []string) error {
	owner, err := account()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	args := []string{"-c", guard, "sh", s.dir, filepath.Join(binaries(), "postgres"), "-D", s.data(), "-p", strconv.Itoa(port)}
	settings = append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=" + s.dir, "max_connections=400", "shared_buffers=64MB",
		"logging_collector=off", "log_destination=stderr",
	}, settings...)
	if s.tls {
		settings = append(settings, "ssl=on", "ssl_cert_file="+filepath.Join(s.dir, certFile), "ssl_key_file="+filepath.Join(s.dir, keyFile))
	}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	cmd := s.command(owner, "sh", args...)
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.input, s.ready = input, make(chan error, 1)
	go followLog(output, s.ready)
	s.stop = sync.OnceFunc(func() {
		_ = input.Close()
		_ = cmd.Wait()
		_ = os.RemoveAll(s.dir)
	})
	if err := s.waitReady(); err != nil {
		_ = input.Close()
		_ = cmd.Wait()
		return err
	}
	return nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
