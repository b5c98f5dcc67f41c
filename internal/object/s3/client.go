// The SDK's client: time limits, retries, and counting of requests.

package s3

import (
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bursar/internal/failure"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
)

const (
	dialTimeout = 10 * time.Second
	// stallTimeout ends a request whose connection moves no byte for so long, in either direction.
	stallTimeout = time.Minute
	idleTimeout  = 45 * time.Second // of unused connections; shorter than stallTimeout, which would break them
	connections  = 64               // unused ones that are kept
	attempts     = 5                // of one request
)

// client is what sends requests.
type client = awss3.HTTPClient

// tuning is what tests change.
type tuning struct {
	wrap     func(client) client
	stall    time.Duration
	backoff  failure.Backoff
	partSize int
	// patience is how long a request waits for a retry. If the server wants more, the caller gets a Throttled error.
	patience time.Duration
}

var standard = tuning{
	stall: stallTimeout, backoff: failure.Backoff{Least: 50 * time.Millisecond, Most: 5 * time.Second}, partSize: partSize, patience: 10 * time.Second,
}

func newClient(ctx context.Context, c Config, t tuning, requests *counter) (*awss3.Client, string, error) {
	loaded, err := loadConfig(ctx, c, newSender(t.stall))
	if err != nil {
		return nil, "", err
	}
	return awss3.NewFromConfig(loaded, func(o *awss3.Options) {
		o.UsePathStyle = c.PathStyle
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
		if t.wrap != nil {
			o.HTTPClient = t.wrap(o.HTTPClient)
		}
		o.Retryer = newRetryer(t)
		// Uploads carry a checksum of our own in a header, and what is read is compared with its description. More than that is
		// not understood by all servers.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.ContinueHeaderThresholdBytes = -1 // asking before a part is sent costs a round trip, or a second if the server never answers
		o.APIOptions = append(o.APIOptions, requests.add)
	}), loaded.Region, nil
}

// unsigned leaves the content of an upload out of its signature, which covers its CRC-32C: client and server save a SHA-256 of each. Readers
// compare an object with its description, or with a checksum or digest that it contains or is named by, so content that was changed on the
// way is noticed without it.
func unsigned(o *awss3.Options) {
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

// newSender returns an HTTP client that the SDK can add the certificates of AWS_CA_BUNDLE to.
func newSender(stall time.Duration) *awshttp.BuildableClient {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &stallingConn{conn, stall}, nil
		}
		tr.TLSHandshakeTimeout = dialTimeout
		tr.IdleConnTimeout = idleTimeout
		tr.MaxIdleConnsPerHost = connections
		tr.ReadBufferSize = 64 << 10
	})
}

// loadConfig reads what the environment and the shared configuration files say.
func loadConfig(ctx context.Context, c Config, sender config.HTTPClient) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithHTTPClient(sender), config.WithLogger(logging.Nop{})}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	if c.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			c.Credentials.AccessKeyID, c.Credentials.SecretAccessKey, c.Credentials.SessionToken)))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return loaded, invalid("read the shared AWS configuration: %w; correct AWS_PROFILE, AWS_CA_BUNDLE or the files in ~/.aws", err)
	}
	if loaded.Region == "" {
		if c.Endpoint == "" {
			return loaded, invalid("no region is set; set storage.region in bursar.yaml or AWS_REGION")
		}
		loaded.Region = "us-east-1" // servers other than Amazon's accept it
	}
	if loaded.Credentials != nil {
		loaded.Credentials = &markedCredentials{CredentialsProvider: loaded.Credentials}
	}
	return loaded, nil
}

// stallingConn is a connection on which each single read and write has a time limit.
type stallingConn struct {
	net.Conn
	limit time.Duration
}

func (c *stallingConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *stallingConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// credentialsError marks that no credentials were found, or that they could not be renewed. Of the causes it shows only the end of
// the context: a token file that does not exist must not look like an object that does not.
type credentialsError struct {
	cause   error
	renewal bool // there were credentials before
}

// givingServices are the services that give credentials to those who are configured to ask them.
var givingServices = []string{"STS", "SSO", "SSO OIDC"}

// class is Transient if there were credentials before, or a service that gives them does not answer: it may be back soon. Else somebody has to
// set them.
func (e *credentialsError) class() failure.Class {
	var asked *smithy.OperationError
	if e.renewal || errors.As(e.cause, &asked) && slices.Contains(givingServices, asked.Service()) && isAway(e.cause) {
		return failure.Transient
	}
	return failure.Data
}

// isAway reports whether the cause of an error is that a service does not answer, or fails itself.
func isAway(err error) bool {
	status := statusOf(err)
	return status == 0 && failure.Of(err) == failure.Transient || status >= http.StatusInternalServerError
}

func (e *credentialsError) Error() string { return "find credentials: " + e.cause.Error() }

func (e *credentialsError) Is(target error) bool {
	return (target == context.Canceled || target == context.DeadlineExceeded) && errors.Is(e.cause, target)
}

type markedCredentials struct {
	aws.CredentialsProvider
	found atomic.Bool // once
}

func (m *markedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return found, &credentialsError{err, m.found.Load()}
	}
	m.found.Store(true)
	return found, nil
}

func newRetryer(t tuning) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Backoff = jittered{t.backoff}
		o.Retryables = append([]retry.IsErrorRetryable{t}, o.Retryables...)
	})
}

// IsErrorRetryable decides what differs from the SDK's rules.
func (t tuning) IsErrorRetryable(err error) aws.Ternary {
	switch {
	case retryAfter(err) > t.patience:
		return aws.FalseTernary
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // the connection was cut
		return aws.TrueTernary
	case damagedOnTheWay[errorCode(err)], conflicts[errorCode(err)]:
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// jittered waits between half of the backoff and all of it, or as long as the server wants.
type jittered struct{ failure.Backoff }

func (j jittered) BackoffDelay(attempt int, err error) (time.Duration, error) {
	wait := j.After(attempt)
	return max(wait/2+rand.N(wait/2+1), retryAfter(err)), nil
}

// retryAfter returns how long the server wants its caller to wait, or 0.
func retryAfter(err error) time.Duration {
	header := responseHeader(err)
	now, failed := http.ParseTime(header.Get("Date"))
	if failed != nil {
		now = time.Now()
	}
	after, _ := failure.ParseRetryAfter(header.Get("Retry-After"), now)
	return min(after, time.Hour)
}

// counter counts requests by operation, repeated attempts included: each of them is paid for.
type counter struct {
	mu   sync.Mutex
	made map[string]int64
}

func (c *counter) add(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("CountRequests",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			c.count(awsmiddleware.GetOperationName(ctx))
			return next.HandleDeserialize(ctx, in)
		}), middleware.After)
}

func (c *counter) count(operation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made[operation]++
}

func (c *counter) counts() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.made)
}
