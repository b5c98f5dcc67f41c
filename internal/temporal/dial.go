// Dialling: connects to a Temporal cluster that others operate, and checks that a project can use it.

package temporal

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/server/common/log"
	"google.golang.org/grpc"

	"bursar/internal/failure"
)

const (
	// dialTimeout is how long Dial waits for a server that cannot be reached, as one that restarts.
	dialTimeout = 10 * time.Second
	dialPause   = 250 * time.Millisecond
	// checkFor is how long Check tries a server that cannot be reached. It is short because a person waits for the answer.
	checkFor = 2 * time.Second
	// keepAlive is the time without traffic after which the connection is tested, and how long the test may take.
	keepAlive = 20 * time.Second
	// oldestMajor and oldestMinor are the oldest version of the server in which update-with-start, which joins open workflows, is
	// generally available.
	oldestMajor, oldestMinor = 1, 28
)

// Options say where a cluster is and how to log in to it.
type Options struct {
	Address   string // host:port
	Namespace string
	TLS       *tls.Config // nil: without TLS
	APIKey    string
	// ShownAddress and ShownNamespace are printed instead of the values, if these are secret. Empty: the values.
	ShownAddress, ShownNamespace string
	Identity                     string // of this process, for people; empty: the SDK's
	Logger                       *slog.Logger
}

// Report is what Check finds.
type Report struct {
	Version   string        // of the server
	Retention time.Duration // of the histories of ended workflows in the namespace
	RoundTrip time.Duration
}

// Dial connects to a cluster and checks its version and the namespace. A connection that is lost later is made again: workers wait for
// it, and IsOutage says when a caller has to.
func Dial(ctx context.Context, o Options) (*Connection, error) {
	c, _, err := dial(ctx, &o, dialTimeout)
	return c, err
}

// Check connects to a cluster like Dial, but gives up sooner, and measures a round trip.
func Check(ctx context.Context, o Options) (Report, error) {
	c, report, err := dial(ctx, &o, checkFor)
	if err != nil {
		return report, err
	}
	defer c.Stop()
	began := time.Now()
	if _, err := c.Client().CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return report, o.fail(refusal(&o, err))
	}
	report.RoundTrip = time.Since(began)
	return report, nil
}

// dial connects to a cluster, and tries again for a time if it cannot be reached.
func dial(ctx context.Context, o *Options, tries time.Duration) (*Connection, Report, error) {
	worker.SetBinaryChecksum("bursar") // else each start computes a checksum of the whole program
	logs := &gate{out: o.Logger}
	logs.setPhase(serving)
	options := client.Options{
		HostPort: o.Address, Namespace: o.Namespace, Identity: o.Identity, Logger: log.NewSdkLogger(&serverLogger{gate: logs}),
		ConnectionOptions: client.ConnectionOptions{TLS: o.TLS, KeepAliveTime: keepAlive, KeepAliveTimeout: keepAlive},
	}
	seen := &outages{log: o.Logger, address: cmp.Or(o.ShownAddress, o.Address)}
	options.ConnectionOptions.DialOptions = []grpc.DialOption{grpc.WithChainUnaryInterceptor(endPolls, seen.observe, o.hideInErrors)}
	if o.APIKey != "" {
		options.Credentials = client.NewAPIKeyStaticCredentials(o.APIKey)
	}
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, Report{}, o.fail(failure.Wrap(failure.Data, err))
	}
	report, err := inspect(ctx, c, o, tries)
	if err != nil {
		c.Close()
		return nil, report, err
	}
	seen.on.Store(true)
	made := &Connection{client: c, address: cmp.Or(o.ShownAddress, o.Address), namespace: o.Namespace}
	made.end = func() {
		seen.on.Store(false)
		logs.setPhase(stopping)
		c.Close()
	}
	return made, report, nil
}

// fail adds to an error what was tried.
func (o *Options) fail(err error) error {
	text := "connect to Temporal at " + cmp.Or(o.ShownAddress, o.Address) + ": " + o.hide(err.Error())
	return failure.Wrap(failure.Of(err), errors.New(text)) // without err, whose text has what is hidden
}

// inspect asks the server for its version and the namespace, and refuses what a project cannot use.
func inspect(ctx context.Context, c client.Client, o *Options, tries time.Duration) (report Report, err error) {
	info, err := systemInfo(ctx, c, o, tries)
	if err != nil {
		return report, o.fail(err)
	}
	report.Version = info.GetServerVersion()
	if isOld(report.Version) {
		text := "the server has version %s, which is too old: upgrade it to %d.%d or newer"
		return report, o.fail(failure.Wrap(failure.Data, fmt.Errorf(text, report.Version, oldestMajor, oldestMinor)))
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	found, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: o.Namespace})
	if err != nil {
		return report, o.fail(refusal(o, err))
	}
	if known := found.GetNamespaceInfo().GetCapabilities(); known != nil && !known.GetSyncUpdate() {
		text := "namespace %s does not allow updates of workflows: set frontend.enableUpdateWorkflowExecution in the dynamic configuration of the server"
		return report, o.fail(failure.Wrap(failure.Data, fmt.Errorf(text, o.Namespace)))
	}
	report.Retention = found.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	return report, nil
}

// systemInfo waits until the server answers. It waits only for a server that cannot be reached: other errors do not pass.
func systemInfo(ctx context.Context, c client.Client, o *Options, tries time.Duration) (*workflowservice.GetSystemInfoResponse, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	for {
		info, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
		var unavailable *serviceerror.Unavailable
		var late *serviceerror.DeadlineExceeded
		switch {
		case err == nil:
			return info, nil
		case !errors.As(err, &unavailable) && !errors.As(err, &late):
			return nil, refusal(o, err)
		}
		cause := diagnose(ctx, o)
		if cause == nil {
			cause = failure.Wrap(failure.Transient, err)
		}
		if !failure.Of(cause).Retryable() || time.Since(began) > tries {
			return nil, cause
		}
		select {
		case <-ctx.Done():
			return nil, cause
		case <-time.After(dialPause):
		}
	}
}

// isOld reports whether a version is too old. One that is not a number, of a server that was built from source, is not.
func isOld(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major < oldestMajor || major == oldestMajor && minor < oldestMinor
}
