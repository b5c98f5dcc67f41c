// A proxy that counts requests to a server.

package s3test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// Counter passes requests on to a server, and counts them.
type Counter struct {
	Endpoint string // a URL

	mu     sync.Mutex
	counts Requests
}

// Requests are numbers of requests of each kind that S3 charges for.
type Requests struct {
	Put    int64 // also the POST requests of multipart uploads
	Get    int64
	Head   int64
	List   int64
	Delete int64
}

// NewCounter starts a proxy to the server that ends with the test.
func (s *Server) NewCounter(tb testing.TB) *Counter {
	tb.Helper()
	target, err := url.Parse(s.Endpoint)
	if err != nil {
		tb.Fatal(err)
	}
	c := &Counter{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			c.count(r.In)
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}
	server := httptest.NewServer(proxy)
	tb.Cleanup(server.Close)
	c.Endpoint = server.URL
	return c
}

func (c *Counter) count(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.Method {
	case http.MethodPut, http.MethodPost:
		c.counts.Put++
	case http.MethodHead:
		c.counts.Head++
	case http.MethodDelete:
		c.counts.Delete++
	default:
		if query := r.URL.Query(); query.Has("list-type") || query.Has("uploads") {
			c.counts.List++
		} else {
			c.counts.Get++
		}
	}
}

// Requests returns what was counted so far.
func (c *Counter) Requests() Requests {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}
