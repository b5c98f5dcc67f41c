// The two sides of the benchmark intake: a running project, and a file.

package bench

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"bursar/internal/app"
	"bursar/internal/tools/shop"
)

// measureAPI starts the project, sends it the bodies, and checks that it accepts every event.
func measureAPI(ctx context.Context, dir string, bodies [][]byte, totals shop.Totals, clients int) (took []time.Duration, all time.Duration, err error) {
	err = withRunningProject(ctx, dir, func(up app.Up) (err error) {
		took, all, err = sendEvents(ctx, up, bodies, totals, clients)
		return err
	})
	return took, all, err
}

func sendEvents(ctx context.Context, up app.Up, bodies [][]byte, totals shop.Totals, clients int) ([]time.Duration, time.Duration, error) {
	c, err := newAPIClient(up, clients)
	if err != nil {
		return nil, 0, err
	}
	defer c.client.CloseIdleConnections()
	var sum atomic.Int64
	took, all, err := inParallel(ctx, clients, bodies, func(ctx context.Context, body []byte) error {
		accepted, err := c.send(ctx, body)
		sum.Add(accepted)
		return err
	})
	if got := sum.Load(); err == nil && got != totals.Events {
		err = fmt.Errorf("%d of %d events were accepted", got, totals.Events)
	}
	return took, all, err
}

// groupCommit is the yardstick: waiting bodies are written and fsynced together.
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
		for drain := true; drain; {
			select {
			case c, ok := <-g.waiting:
				if drain = ok; ok {
					group = append(group, c)
				}
			default:
				drain = false
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
