// Measures point reads over HTTP. Client and server share the machine.

package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"bursar/internal/app"

	"golang.org/x/sync/errgroup"
)

// readOverHTTP starts the project and reads the keys over several connections, twice. The second pass is measured.
func readOverHTTP(ctx context.Context, dir string, keys []string, connections int) (r Reads, err error) {
	err = withRunningProject(ctx, dir, func(up app.Up) error {
		c, err := newAPIClient(up, connections)
		if err != nil {
			return err
		}
		defer c.client.CloseIdleConnections()
		for range 2 {
			if r, err = c.readAll(ctx, keys, connections); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

func (c *apiClient) readAll(ctx context.Context, keys []string, connections int) (Reads, error) {
	took := make([]time.Duration, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for first := range connections {
		group.Go(func() error {
			for i := first; i < len(keys); i += connections {
				at := time.Now()
				if err := c.read(ctx, keys[i]); err != nil {
					return err
				}
				took[i] = time.Since(at)
			}
			return nil
		})
	}
	err := group.Wait()
	return newReads(took, time.Since(began)), err
}

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
