// Point reads over HTTP: client and server share the machine, as they do the figures.

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"bursar/internal/app"

	"golang.org/x/sync/errgroup"
)

// overHTTP brings the project up and reads the keys over several connections.
func overHTTP(ctx context.Context, dir string, keys []string, connections int) (l Reads, err error) {
	a, err := app.Open(ctx, dir, "bench", discard)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan app.Up, 1), make(chan error, 1)
	go func() { ended <- a.Up(serving, app.UpOptions{Ready: func(u app.Up) { ready <- u }}) }()
	select {
	case up := <-ready:
		l, err = askAll(ctx, up, keys, connections)
	case err := <-ended:
		return l, err
	}
	stop()
	return l, errors.Join(err, <-ended)
}

// askAll asks for all keys twice and measures the second time.
func askAll(ctx context.Context, up app.Up, keys []string, connections int) (l Reads, err error) {
	token, err := os.ReadFile(up.TokenFile)
	if err != nil {
		return l, fmt.Errorf("read API token: %w", err)
	}
	asker := &asker{
		base: "http://" + up.Address + "/v1/pipelines/" + pipeline + "/artifacts?key=", token: "Bearer " + strings.TrimSpace(string(token)),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}},
	}
	defer asker.client.CloseIdleConnections()
	for range 2 {
		if l, err = asker.all(ctx, keys, connections); err != nil {
			return l, err
		}
	}
	return l, nil
}

type asker struct {
	base, token string
	client      *http.Client
}

func (a *asker) all(ctx context.Context, keys []string, connections int) (Reads, error) {
	took := make([]time.Duration, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for c := range connections {
		group.Go(func() error {
			for i := c; i < len(keys); i += connections {
				at := time.Now()
				if err := a.ask(ctx, keys[i]); err != nil {
					return err
				}
				took[i] = time.Since(at)
			}
			return nil
		})
	}
	err := group.Wait()
	return readsOf(took, time.Since(began)), err
}

func (a *asker) ask(ctx context.Context, key string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+url.QueryEscape(key), http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", a.token)
	answer, err := a.client.Do(r)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", key, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(key)) {
		return fmt.Errorf("ask for %s: %s %s: %w", key, answer.Status, body, err)
	}
	return nil
}
