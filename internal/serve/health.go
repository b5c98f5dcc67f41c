// Health: whether the process can accept events, for load balancers.

package serve

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"bursar/internal/failure"
)

// Backend is a server without which no events can be accepted.
type Backend struct {
	Name  string // such as "catalog"; clients see it
	Probe func(ctx context.Context) error
}

const (
	// probeInterval is how long the result of a probe is used.
	probeInterval = time.Second
	// probeTimeout bounds the probes of all backends, which are made at once.
	probeTimeout = 2 * time.Second
)

// backendHealth probes backends at most once in an interval, however many requests ask.
type backendHealth struct {
	backends []Backend
	log      *slog.Logger

	mu       sync.Mutex // is locked while backends are probed; other requests wait for the result
	probed   time.Time
	failed   string // the name of the first backend that cannot be used; empty if all can
	warnings failure.Warnings
}

// check returns the name of a backend that cannot be used, or "".
func (h *backendHealth) check(ctx context.Context) (failed string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.backends) == 0 || time.Since(h.probed) < probeInterval {
		return h.failed
	}
	before := h.failed
	h.failed = h.probe(context.WithoutCancel(ctx)) // the result is that of other requests, too
	h.probed = time.Now()
	if before != "" && h.failed == "" {
		h.log.Info("the backends can be used again")
	}
	return h.failed
}

func (h *backendHealth) probe(ctx context.Context) (failed string) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	errs := make([]error, len(h.backends))
	var group sync.WaitGroup
	for i, b := range h.backends {
		group.Go(func() { errs[i] = b.Probe(ctx) })
	}
	group.Wait()
	for i, b := range h.backends {
		if errs[i] == nil {
			continue
		}
		if h.warnings.Pass(b.Name) {
			h.log.Warn("no events can be accepted: a backend cannot be used", "backend", b.Name, "error", errs[i])
		}
		if failed == "" {
			failed = b.Name
		}
	}
	return failed
}

// healthAnswer is the response to a question for the health. It names no address and no cause, because no token is needed.
type healthAnswer struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"` // stopping, or the name of a backend
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	answer := healthAnswer{Ready: true}
	if !s.ready.Load() {
		answer = healthAnswer{Reason: "stopping"}
	} else if failed := s.backends.check(r.Context()); failed != "" {
		answer = healthAnswer{Reason: failed}
	}
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, answer)
	return nil
}
