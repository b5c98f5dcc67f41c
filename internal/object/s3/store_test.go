// Tests of the store against real servers: the conformance suite, and what only this backend has.

package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/object/objecttest"
	"bursar/internal/object/s3/s3test"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// fast makes retries of tests wait for nearly nothing.
var fast = tuning{stall: stallTimeout, backoff: failure.Backoff{Least: time.Microsecond, Most: time.Microsecond}, partSize: partSize, patience: time.Second}

// configOf returns the configuration of a server's bucket.
func configOf(server *s3test.Server, bucket string) Config {
	return Config{
		Bucket: bucket, Prefix: "p/q", Region: s3test.Region, Endpoint: server.Endpoint, PathStyle: true,
		Credentials: &Credentials{AccessKeyID: s3test.AccessKey, SecretAccessKey: s3test.SecretKey},
	}
}

func mustOpen(t *testing.T, c Config, tune tuning) *Store {
	t.Helper()
	s, err := open(context.Background(), c, tune)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// backend starts a server with a bucket.
func backend(t *testing.T, start func(testing.TB) *s3test.Server) (*s3test.Server, Config) {
	t.Helper()
	server := start(t)
	server.NewBucket(t, "bucket")
	return server, configOf(server, "bucket")
}

func TestVersitygw(t *testing.T) {
	t.Parallel()
	_, config := backend(t, s3test.Versitygw)
	t.Run("suite", func(t *testing.T) { objecttest.Run(t, opener(config, standard)) })
	t.Run("refusals", func(t *testing.T) { refusals(t, config, true) })
	t.Run("check", func(t *testing.T) { checkWhole(t, config, "VERSITYGW") })
}

func TestMoto(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the second server is slow")
	}
	_, config := backend(t, s3test.Moto)
	tune, turn := standard, &sync.Mutex{}
	tune.wrap = func(inner client) client { return &takingTurns{inner, turn} }
	t.Run("suite", func(t *testing.T) { objecttest.Run(t, opener(config, tune)) })
	t.Run("refusals", func(t *testing.T) { refusals(t, config, false) })
	t.Run("check", func(t *testing.T) { checkWhole(t, config, "Werkzeug") })
	t.Run("no conditional writes", func(t *testing.T) { checkWithoutConditions(t, config) })
}

// takingTurns makes conditional writes one after another, for a server that compares and writes in two steps.
type takingTurns struct {
	inner client
	turn  *sync.Mutex
}

func (c *takingTurns) Do(r *http.Request) (*http.Response, error) {
	if r.Header.Get("If-None-Match") != "" {
		c.turn.Lock()
		defer c.turn.Unlock()
	}
	return c.inner.Do(r)
}

// opener gives each folder of the suite a prefix.
func opener(config Config, tune tuning) objecttest.Opener {
	return func(t *testing.T, dir string) object.Store {
		sum := sha256.Sum256([]byte(dir))
		own := config
		own.Prefix += "/" + hex.EncodeToString(sum[:8])
		s, err := open(context.Background(), own, tune)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// requestsOf returns the requests that a function makes.
func requestsOf(s *Store, do func()) string {
	before := s.Requests()
	do()
	after := s.Requests()
	var made []string
	for _, operation := range slices.Sorted(maps.Keys(after)) {
		if n := after[operation] - before[operation]; n > 0 {
			made = append(made, fmt.Sprintf("%d %s", n, operation))
		}
	}
	return strings.Join(made, ", ")
}

func wantRequests(t *testing.T, s *Store, want string, do func()) {
	t.Helper()
	if got := requestsOf(s, do); got != want {
		t.Errorf("made %q, want %q", got, want)
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	server, config := backend(t, s3test.Versitygw)
	s := mustOpen(t, config, fast)
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("a/%02d", i))
		objecttest.Write(t, s, want[i], []byte("x"))
	}
	bucket := "bucket"
	for _, key := range []string{"p/q/a/Upper", "p/q/a/ž č+&=%", "p/q/.check/x", "p/other/a/1", "p/q-a/1"} {
		_, err := server.Client().PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("foreign")})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, prefix := range []string{"", "a/"} {
		got, err := s.List(t.Context(), prefix)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("list %q: %q, %v", prefix, got, err)
		}
	}
	// The pages of a long list.
	many := make([]string, 2300)
	for i := range many {
		many[i] = fmt.Sprintf("many/%05d", i)
	}
	writeAll(t, s, many)
	wantRequests(t, s, "3 ListObjectsV2", func() {
		if got, err := s.List(t.Context(), "many/"); err != nil || !slices.Equal(got, many) {
			t.Errorf("list %d names: %d, %v", len(many), len(got), err)
		}
	})
}

func writeAll(t *testing.T, s *Store, names []string) {
	t.Helper()
	work := make(chan string)
	done := make(chan error)
	for range 16 {
		go func() {
			var failed error
			for name := range work {
				w, err := s.Create(context.Background(), name)
				if err == nil {
					err = w.Commit()
				}
				if err != nil {
					failed = err
				}
			}
			done <- failed
		}()
	}
	for _, name := range names {
		work <- name
	}
	close(work)
	for range 16 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
