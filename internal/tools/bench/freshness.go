// Measures the time from the acknowledgement of an event until its artifact can be read, over HTTP, in an idle project.

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"bursar/internal/tools/shop"

	"golang.org/x/sync/errgroup"
)

const (
	// maxEventGap is the longest time between two events, which are sent at random times.
	maxEventGap = 1500 * time.Millisecond
	// pollInterval is the time between two requests for an artifact, and so the resolution of the figures.
	pollInterval = 5 * time.Millisecond
	// artifactTimeout is the wait for an artifact after which the benchmark fails.
	artifactTimeout = time.Minute
)

// FreshnessReport is the result, in milliseconds from acknowledged to readable.
type FreshnessReport struct {
	Benchmark string  `json:"benchmark"`
	Events    int     `json:"events"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Slowest   float64 `json:"slowest_ms"`
}

// Freshness sends single events to a running project and requests their artifacts until they exist.
func Freshness(ctx context.Context, o Options) (report FreshnessReport, err error) {
	var took []time.Duration
	err = o.inFolder(shop.BenchPipeline, func(b *bench) error {
		if err := writeProject(b.preparedDir(), b.pipeline); err != nil {
			return err
		}
		return withRunningProject(ctx, b.preparedDir(), o.Events, func(c *apiClient) (err error) {
			took, err = c.measureFreshness(ctx, &o)
			return err
		})
	})
	if err != nil {
		return report, err
	}
	slices.Sort(took)
	return FreshnessReport{
		Benchmark: "freshness", Events: len(took), P50: quantile(took, 50), P99: quantile(took, 99), Slowest: quantile(took, 100),
	}, nil
}

func (c *apiClient) measureFreshness(ctx context.Context, o *Options) ([]time.Duration, error) {
	var events bytes.Buffer
	if _, err := shop.WriteState(&events, shop.Bench{Seed: seed, State: o.Events}, 0, o.Events); err != nil {
		return nil, err
	}
	lines := bytes.SplitAfter(bytes.TrimSpace(events.Bytes()), []byte("\n"))
	took := make([]time.Duration, len(lines))
	random := rand.New(rand.NewPCG(seed, 0))
	group, ctx := errgroup.WithContext(ctx)
	for i := range took {
		group.Go(func() (err error) {
			took[i], err = c.measureEvent(ctx, lines[i])
			return err
		})
		select {
		case <-ctx.Done():
			return nil, errors.Join(group.Wait(), context.Cause(ctx))
		case <-time.After(time.Duration(random.Int64N(int64(maxEventGap)))):
		}
		if i%10 == 9 {
			o.Watch(fmt.Sprintf("%d of %d events", i+1, o.Events))
		}
	}
	return took, group.Wait()
}

// measureEvent sends one event of a new order and requests the order until it exists.
func (c *apiClient) measureEvent(ctx context.Context, event []byte) (time.Duration, error) {
	var fields struct {
		Order string `json:"order_id"`
	}
	if err := json.Unmarshal(event, &fields); err != nil {
		return 0, fmt.Errorf("read event: %w", err)
	}
	accepted, err := c.send(ctx, event)
	if err != nil || accepted != 1 {
		return 0, fmt.Errorf("%d events of %s were accepted: %w", accepted, fields.Order, err)
	}
	return c.awaitArtifact(ctx, fields.Order)
}

// awaitArtifact measures the time from now until the artifact exists.
func (c *apiClient) awaitArtifact(ctx context.Context, order string) (time.Duration, error) {
	acknowledged := time.Now()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		code, text, err := c.artifact(ctx, order)
		took := time.Since(acknowledged)
		switch {
		case err != nil:
			return 0, err
		case code == http.StatusOK:
			return took, nil
		case code != http.StatusNotFound || took > artifactTimeout:
			return 0, fmt.Errorf("wait %v for order %s: %d %s", took, order, code, text)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
