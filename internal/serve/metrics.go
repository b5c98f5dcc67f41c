// Metrics for Prometheus: what the server counts, and what other parts of the project do.

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
	fed      *prometheus.CounterVec
	waiting  prometheus.Gauge
	runs     *prometheus.CounterVec
	bytes    prometheus.Gauge
	handler  http.Handler
}

// Counter is a number that another part of the process counts.
type Counter struct {
	Name, Help string
	Value      func() int64
}

// Sums are counters with labels that others add up, in a catalog. A value that disappears does no harm: Prometheus takes it for ended.
type Sums struct {
	Families []Family
	Read     func() []Sum // of all families; empty if they cannot be read
}

// Family describes the counters of a name.
type Family struct {
	Name, Help string
	Labels     []string
}

// Sum is one of the counters of a family.
type Sum struct {
	Family string
	Labels []string // the values
	Value  int64
}

// sumsCollector reads sums when Prometheus asks for them.
type sumsCollector struct {
	sums         Sums
	descriptions map[string]*prometheus.Desc // by family
}

func newSumsCollector(s Sums) *sumsCollector {
	c := &sumsCollector{s, map[string]*prometheus.Desc{}}
	for _, f := range s.Families {
		c.descriptions[f.Name] = prometheus.NewDesc(f.Name, f.Help, f.Labels, nil)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *sumsCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descriptions {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *sumsCollector) Collect(to chan<- prometheus.Metric) {
	for _, s := range c.sums.Read() {
		to <- prometheus.MustNewConstMetric(c.descriptions[s.Family], prometheus.CounterValue, float64(s.Value), s.Labels...)
	}
}

func newMetrics(others []Counter, sums []Sums) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bursar_requests_total", Help: "HTTP requests by route and status.",
		}, []string{"route", "code"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bursar_events_total", Help: "Events acknowledged over HTTP, by stream and outcome.",
		}, []string{"stream", "as"}),
		fed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bursar_feed_events_total", Help: "Events sent to clients that read the feed of a stream.",
		}, []string{"stream"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bursar_feed_waiting", Help: "Requests that wait for events now.",
		}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bursar_runs_published_total", Help: "Runs published since the process started, by pipeline.",
		}, []string{"pipeline"}),
		bytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bursar_body_bytes", Help: "Bytes of request bodies in memory now.",
		}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.events, m.fed, m.waiting, m.runs, m.bytes, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, c := range others {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.Name, Help: c.Help}, func() float64 { return float64(c.Value()) }))
	}
	for _, s := range sums {
		registry.MustRegister(newSumsCollector(s))
	}
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
