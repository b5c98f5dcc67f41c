// The server's Prometheus metrics.

package serve

import (
	"net/http"

	"bursar/internal/event/live/answers"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type metrics struct {
	requests *prometheus.CounterVec
	events   *prometheus.CounterVec
	runs     *prometheus.CounterVec
	bytes    prometheus.Gauge
	handler  http.Handler
}

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bursar_requests_total", Help: "HTTP requests by route and status.",
		}, []string{"route", "code"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bursar_events_total", Help: "Events acknowledged over HTTP, by stream and outcome.",
		}, []string{"stream", "as"}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bursar_runs_published_total", Help: "Runs published since the process started, by pipeline.",
		}, []string{"pipeline"}),
		bytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bursar_body_bytes", Help: "Bytes of request bodies in memory now.",
		}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.events, m.runs, m.bytes, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

func (m *metrics) countEvents(stream string, a *answers.Answer) {
	m.events.WithLabelValues(stream, "accepted").Add(float64(a.Accepted))
	m.events.WithLabelValues(stream, "duplicate").Add(float64(a.Duplicates))
	m.events.WithLabelValues(stream, "quarantined").Add(float64(a.Quarantined))
}

func (m *metrics) serve(w http.ResponseWriter, r *http.Request) error {
	m.handler.ServeHTTP(w, r)
	return nil
}

// Published counts a published run.
func (s *Server) Published(pipeline string) { s.metrics.runs.WithLabelValues(pipeline).Inc() }
