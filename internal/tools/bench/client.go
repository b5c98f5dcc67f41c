// Runs a project in this process, and calls its API.

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"bursar/internal/app"
)

// withRunningProject starts the project, calls do with a client of so many connections, and stops the project.
func withRunningProject(ctx context.Context, dir string, connections int, do func(c *apiClient) error) error {
	return withProject(ctx, dir, func(a *app.App) (err error) {
		serving, stop := context.WithCancel(ctx)
		defer stop()
		ready, ended := make(chan app.Up, 1), make(chan error, 1)
		go func() { ended <- a.Up(serving, app.UpOptions{Ready: func(u app.Up) { ready <- u }}) }()
		select {
		case up := <-ready:
			var c *apiClient
			if c, err = newAPIClient(up, connections); err == nil {
				err = do(c)
				c.client.CloseIdleConnections()
			}
		case err := <-ended:
			return err
		}
		stop()
		return errors.Join(err, <-ended)
	})
}

type apiClient struct {
	base, token string
	client      *http.Client
}

func newAPIClient(up app.Up, connections int) (*apiClient, error) {
	token, err := os.ReadFile(up.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("read API token: %w", err)
	}
	return &apiClient{
		base: "http://" + up.Address, token: "Bearer " + strings.TrimSpace(string(token)),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}},
	}, nil
}

func (c *apiClient) call(ctx context.Context, method, path string, body io.Reader) (code int, text []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", c.token)
	r.Header.Set("Content-Type", "application/x-ndjson")
	response, err := c.client.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("call API: %w", err)
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	return response.StatusCode, text, err
}

// read reads one artifact, which must exist.
func (c *apiClient) read(ctx context.Context, key string) error {
	code, text, err := c.artifact(ctx, key)
	if err == nil && (code != http.StatusOK || !bytes.Contains(text, []byte(key))) {
		err = fmt.Errorf("read %s: %d %s", key, code, text)
	}
	return err
}

func (c *apiClient) artifact(ctx context.Context, key string) (code int, text []byte, err error) {
	return c.call(ctx, http.MethodGet, "/v1/pipelines/"+pipeline+"/artifacts?key="+url.QueryEscape(key), http.NoBody)
}

func (c *apiClient) send(ctx context.Context, events []byte) (accepted int64, err error) {
	code, text, err := c.call(ctx, http.MethodPost, "/v1/streams/"+stream+"/events", bytes.NewReader(events))
	if err != nil {
		return 0, err
	}
	if code != http.StatusOK {
		return 0, fmt.Errorf("send events: %d %s", code, bytes.TrimSpace(text))
	}
	var answer struct {
		Accepted int64 `json:"accepted"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return 0, fmt.Errorf("read answer: %w", err)
	}
	return answer.Accepted, nil
}
