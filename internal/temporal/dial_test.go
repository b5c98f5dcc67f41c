//go:build !race

// Dialling a real cluster: what is wrong, in the words of the error, and a server that goes away for a while.

package temporal_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"

	"bursar/internal/failure"
	"bursar/internal/temporal"
	"bursar/internal/temporal/temporaltest"
)

// terminate starts a listener that ends TLS in front of a server, as an ingress does.
func terminate(t *testing.T, server string, c *temporaltest.Certificate) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair(t, c)}, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", server)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(out, in) }()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return l.Addr().String()
}

func pair(t *testing.T, c *temporaltest.Certificate) tls.Certificate {
	t.Helper()
	p, err := tls.X509KeyPair(c.Cert, c.Key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// trusting returns the configuration of a client that trusts an authority, with a certificate if one is given.
func trusting(t *testing.T, a *temporaltest.Authority, own *temporaltest.Certificate) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.PEM)
	config := &tls.Config{RootCAs: roots}
	if own != nil {
		config.Certificates = []tls.Certificate{pair(t, own)}
	}
	return config
}

// oldServer answers that it has an old version.
type oldServer struct {
	workflowservice.UnimplementedWorkflowServiceServer
}

func (oldServer) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: "1.27.3"}, nil
}

// serveGRPC serves what register adds, and returns the address.
func serveGRPC(t *testing.T, register func(*grpc.Server)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	register(s)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// closing returns the address of a service that closes each connection when it has read something.
func closing(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, 33)) // what the diagnosis sends
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// closedPort returns an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	ours, other := temporaltest.NewAuthority(t), temporaltest.NewAuthority(t)
	valid, expired := time.Now().Add(24*time.Hour), time.Now().Add(-time.Minute)
	certificate := ours.Issue(t, "127.0.0.1", valid)
	const key = "a-key-that-is-right"
	plain := temporaltest.Shared(t)
	mutual := temporaltest.Start(t, temporaltest.Options{Certificate: certificate, Clients: ours, APIKey: key})
	namespace := plain.Namespace(t)
	behind := func(c *temporaltest.Certificate) string { return terminate(t, plain.Address, c) }
	client := ours.Issue(t, "client", valid)
	for name, tt := range map[string]struct {
		options temporal.Options
		want    string
		class   failure.Class
	}{
		"unreachable": {
			temporal.Options{Address: closedPort(t)}, "the server cannot be reached (connection refused): start it, or correct temporal.address", failure.Transient,
		},
		"no such host": {
			temporal.Options{Address: "temporal.invalid:7233"}, "", failure.Data,
		},
		"expired certificate": {
			temporal.Options{Address: behind(ours.Issue(t, "127.0.0.1", expired)), TLS: trusting(t, ours, nil)}, "the certificate of the server expired at " + expired.UTC().Format(time.RFC3339), failure.Data,
		},
		"certificate of later": {
			temporal.Options{Address: behind(ours.Issue(t, "127.0.0.1", valid.Add(48*time.Hour))), TLS: trusting(t, ours, nil)}, "the certificate of the server is not valid before", failure.Data,
		},
		"certificate of another host": {
			temporal.Options{Address: behind(ours.Issue(t, "temporal.example.com", valid)), TLS: trusting(t, ours, nil)},
			"the certificate of the server is for temporal.example.com, not for 127.0.0.1: set temporal.tls.server_name", failure.Data,
		},
		"authority that is not trusted": {
			temporal.Options{Address: behind(certificate), TLS: trusting(t, other, nil)}, "signed by an authority that is not trusted: set temporal.tls.ca", failure.Data,
		},
		"the server requires TLS": {
			temporal.Options{Address: mutual.Address}, "the server requires TLS: add `tls: {}`", failure.Data,
		},
		"the server has no TLS": {
			temporal.Options{Address: plain.Address, TLS: trusting(t, ours, nil)}, "the server does not use TLS on this port: remove temporal.tls", failure.Data,
		},
		"no client certificate": {
			temporal.Options{Address: mutual.Address, TLS: trusting(t, ours, nil)}, "set temporal.tls.cert and temporal.tls.key", failure.Data,
		},
		"expired client certificate": {
			temporal.Options{Address: mutual.Address, TLS: trusting(t, ours, ours.Issue(t, "client", expired))},
			"the certificate in temporal.tls.cert expired at " + expired.UTC().Format(time.RFC3339), failure.Data,
		},
		"client certificate of another authority": {
			temporal.Options{Address: mutual.Address, TLS: trusting(t, ours, other.Issue(t, "client", valid))}, "the server refuses the certificate in temporal.tls.cert (", failure.Data,
		},
		"wrong key": {
			temporal.Options{Address: mutual.Address, TLS: trusting(t, ours, client), APIKey: "wrong"}, "access to namespace test is denied: replace temporal.api_key", failure.Data,
		},
		"no key": {
			temporal.Options{Address: mutual.Address, TLS: trusting(t, ours, client)}, "access to namespace test is denied: let the server allow the certificate", failure.Data,
		},
		"no namespace": {
			temporal.Options{Address: plain.Address}, "namespace test does not exist: create it with `temporal operator namespace create --address " + plain.Address + " -n test --retention 72h`", failure.Data,
		},
		"no namespace, which is secret": {
			temporal.Options{Address: plain.Address, ShownAddress: "env:ADDRESS", ShownNamespace: "vault:ns"}, "connect to Temporal at env:ADDRESS: namespace vault:ns does not exist", failure.Data,
		},
		"old server": {
			temporal.Options{Address: serveGRPC(t, func(s *grpc.Server) { workflowservice.RegisterWorkflowServiceServer(s, oldServer{}) })},
			"the server has version 1.27.3, which is too old: upgrade it to 1.28 or newer", failure.Data,
		},
		"another service": {
			temporal.Options{Address: closing(t)}, "the connection breaks (EOF): wait if the server is starting; if it is not Temporal's, correct temporal.address", failure.Transient,
		},
		"not Temporal": {
			temporal.Options{Address: serveGRPC(t, func(*grpc.Server) {})}, "what answers is not a Temporal server", failure.Data,
		},
		"right": {
			temporal.Options{Address: plain.Address, Namespace: namespace}, "", 0,
		},
		"right behind TLS": {
			temporal.Options{Address: behind(certificate), Namespace: namespace, TLS: trusting(t, ours, nil)}, "", 0,
		},
		"right with certificate and key": {
			temporal.Options{Address: mutual.Address, Namespace: mutual.Namespace(t), TLS: trusting(t, ours, client), APIKey: key}, "", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			right := strings.HasPrefix(name, "right")
			if tt.options.Namespace == "" {
				tt.options.Namespace = "test"
			}
			tt.options.Logger = slog.New(slog.DiscardHandler)
			began := time.Now()
			report, err := temporal.Check(t.Context(), tt.options)
			took := time.Since(began)
			t.Logf("%v after %v", err, took)
			if limit := 8 * time.Second; tt.class == failure.Transient && took > limit {
				t.Errorf("it takes %v to say %v", took, err)
			}
			switch {
			case right && (err != nil || report.Version == "" || report.Retention != temporaltest.Retention || report.RoundTrip == 0):
				t.Errorf("%v, %+v", err, report)
			case !right && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %s", err, tt.want)
			case !right && tt.want != "" && failure.Of(err) != tt.class:
				t.Errorf("%v: class %v, want %v", err, failure.Of(err), tt.class)
			case err != nil && (strings.Contains(err.Error(), key) || tt.options.ShownAddress != "" && strings.Contains(err.Error(), plain.Address)):
				t.Errorf("%v contains what is secret", err)
			}
		})
	}
}

// TestServerGoesAway kills the server while a workflow waits for its activity and its caller for the result, and starts it again.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	server := temporaltest.Start(t, temporaltest.Options{})
	var logged lockedText
	c, err := temporal.Dial(t.Context(), temporal.Options{
		Address: server.Address, ShownAddress: "env:ADDRESS", Namespace: server.Namespace(t), Logger: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	working, release := make(chan struct{}), make(chan struct{})
	w := worker.New(c.Client(), "queue", worker.Options{})
	work := func(context.Context) (string, error) {
		select {
		case working <- struct{}{}:
			<-release
		default: // another attempt
		}
		return "done", nil
	}
	wait := func(ctx workflow.Context) (result string, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: temporal.RetryPolicy()})
		err = workflow.ExecuteActivity(ctx, work).Get(ctx, &result)
		return result, err
	}
	w.RegisterActivity(work)
	w.RegisterWorkflow(wait)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	run, err := c.Client().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "w", TaskQueue: "queue"}, wait)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		var text string
		err := run.Get(t.Context(), &text)
		if err == nil && text != "done" {
			t.Errorf("the result is %q", text)
		}
		result <- err
	}()
	<-working
	server.Kill(t)
	close(release) // its result meets no server
	if _, err := c.Client().CheckHealth(t.Context(), &client.CheckHealthRequest{}); err == nil || strings.Contains(err.Error(), server.Address) {
		t.Errorf("without a server: %v", err)
	}
	restarted := time.Now()
	server.Restart(t)
	t.Logf("restarted in %v", time.Since(restarted))
	if err := <-result; err != nil {
		t.Error(err)
	}
	t.Logf("the result came %v after the restart began", time.Since(restarted))
	if text := logged.String(); strings.Contains(text, server.Address) || !strings.Contains(text, "temporal does not answer; waiting for it\" address=env:ADDRESS") ||
		!strings.Contains(text, "temporal answers again") {
		t.Errorf("logged was %s", text)
	}
}

// lockedText is a log.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
