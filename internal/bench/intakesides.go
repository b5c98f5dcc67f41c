// The two sides of the benchmark intake: a running project, and a file.

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"bursar/internal/app"
	"bursar/internal/shop"
)

// overAPI brings a project up, sends it the bodies, and checks that it says to have accepted every event.
func overAPI(ctx context.Context, dir string, bodies [][]byte, totals shop.Totals, clients int) (took []time.Duration, seconds float64, err error) {
	for name, text := range map[string]string{"bursar.yaml": "", "streams/payments.yaml": shop.BenchStream()} {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			return nil, 0, fmt.Errorf("write bench project: %w", err)
		}
	}
	a, err := app.Open(ctx, dir, "bench", discard)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan app.Up, 1), make(chan error, 1)
	go func() { ended <- a.Up(serving, app.UpOptions{Ready: func(u app.Up) { ready <- u }}) }()
	select {
	case up := <-ready:
		took, seconds, err = sendEvents(ctx, up, bodies, totals, clients)
	case err := <-ended:
		return nil, 0, err
	}
	stop()
	return took, seconds, errors.Join(err, <-ended)
}

func sendEvents(ctx context.Context, up app.Up, bodies [][]byte, totals shop.Totals, clients int) ([]time.Duration, float64, error) {
	token, err := os.ReadFile(up.TokenFile)
	if err != nil {
		return nil, 0, fmt.Errorf("read API token: %w", err)
	}
	s := &eventSender{
		url: "http://" + up.Address + "/v1/streams/" + stream + "/events", token: "Bearer " + strings.TrimSpace(string(token)),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}},
	}
	defer s.client.CloseIdleConnections()
	took, seconds, err := sendAll(ctx, bodies, clients, s.send)
	if got := s.accepted.Load(); err == nil && got != totals.Events {
		err = fmt.Errorf("%d of %d events were accepted", got, totals.Events)
	}
	return took, seconds, err
}

// eventSender posts events and counts what was accepted.
type eventSender struct {
	url, token string
	client     *http.Client
	accepted   atomic.Int64
}

func (s *eventSender) send(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", s.token)
	r.Header.Set("Content-Type", "application/x-ndjson")
	response, err := s.client.Do(r)
	if err != nil {
		return fmt.Errorf("send events: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("send events: %s %s", response.Status, bytes.TrimSpace(text)))
	}
	var answer struct {
		Accepted int64 `json:"accepted"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	s.accepted.Add(answer.Accepted)
	return nil
}

// groupCommit is the yardstick: whoever waits is written and fsynced together.
type groupCommit struct {
	file    *os.File
	waiting chan commit
	ended   chan struct{}
}

type commit struct {
	body []byte
	done chan error
}

func newGroupCommit(path string) (*groupCommit, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make yardstick file: %w", err)
	}
	g := &groupCommit{file: file, waiting: make(chan commit), ended: make(chan struct{})}
	go g.run()
	return g, nil
}

// write returns once the body is durable.
func (g *groupCommit) write(ctx context.Context, body []byte) error {
	c := commit{body: body, done: make(chan error, 1)}
	select {
	case g.waiting <- c:
		return <-c.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *groupCommit) run() {
	defer close(g.ended)
	for first := range g.waiting {
		group := []commit{first}
		for more := true; more; {
			select {
			case c, ok := <-g.waiting:
				if more = ok; ok {
					group = append(group, c)
				}
			default:
				more = false
			}
		}
		var err error
		for _, c := range group {
			if err == nil {
				_, err = g.file.Write(c.body)
			}
		}
		if err == nil {
			err = g.file.Sync()
		}
		for _, c := range group {
			c.done <- err
		}
	}
}

func (g *groupCommit) close() error {
	close(g.waiting)
	<-g.ended
	return g.file.Close()
}
