// Measures the product, from the first byte of the first file to the watermark of the last run. The server already runs.

package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"bursar/internal/app"
	"bursar/internal/event/intake"
)

const (
	stream   = "payments"
	pipeline = "orders"
)

var discardLog = slog.New(slog.DiscardHandler)

// productResult is the measurement of the product, and what it made.
type productResult struct {
	Round // without the figures of the other sides

	Touched   []int64           `json:"touched"` // number of artifacts that each run created or updated
	Parts     []string          `json:"parts"`   // digests
	Sums      map[string]string `json:"sums,omitempty"`
	Artifacts int64             `json:"artifacts,omitempty"` // total number
	Digest    string            `json:"digest,omitempty"`    // of the export of all artifacts
}

func measureProduct(ctx context.Context, spec childSpec) (r productResult, err error) {
	a, err := app.Open(ctx, spec.Dir, "bench", discardLog)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	began := time.Now()
	if err := a.StartTemporal(ctx); err != nil {
		return r, err
	}
	r.ServerStartSeconds = time.Since(began).Seconds()
	r.Steps = map[string]float64{}
	stop, err := profile(spec.Profile)
	if err != nil {
		return r, err
	}
	r.OursSeconds, r.Written, err = measure(func() error {
		for _, file := range spec.Files {
			if err := r.reconcile(ctx, a, file); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, stop()); err != nil {
		return r, err
	}
	r.Orchestration /= float64(len(r.Touched))
	if r.PeakMemory, err = peakMemory(); err != nil || !spec.Sum {
		return r, err
	}
	sums, exported, err := sumArtifacts(ctx, a)
	r.Sums, r.Artifacts, r.Digest = sums, exported.Rows, exported.Digest
	return r, err
}

// reconcile ingests one file and processes the backlog.
func (r *productResult) reconcile(ctx context.Context, a *app.App, file string) error {
	began := time.Now()
	if err := ingestFile(ctx, a, file); err != nil {
		return err
	}
	r.Steps["intake"] += time.Since(began).Seconds()
	began = time.Now()
	runs, err := a.Run(ctx, []string{pipeline}, nil)
	if err != nil {
		return err
	}
	r.Orchestration += time.Since(began).Seconds()
	for _, run := range runs {
		for name, step := range run.Steps {
			r.Steps[string(name)] += step.Seconds
			r.Orchestration -= step.Seconds
		}
		for _, part := range run.Parts() {
			r.Parts = append(r.Parts, part.Digest)
		}
		r.Touched = append(r.Touched, run.Created+run.Updated)
	}
	return nil
}

// ingestFile seals one file. All of its events must be accepted.
func ingestFile(ctx context.Context, a *app.App, file string) error {
	result, err := a.Ingest(ctx, stream, []string{file}, intake.Options{})
	if err == nil && (result.Accepted != result.Rows || result.Rows == 0) {
		err = fmt.Errorf("%d of %d events of %s were accepted", result.Accepted, result.Rows, file)
	}
	return err
}

// profile starts a CPU profile into a file. An empty path starts none.
func profile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}
