// The yardstick of point reads: a Pebble store with each record under its key.

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"bursar/internal/app"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleStore contains every artifact under its key.
type pebbleStore struct{ db *pebble.DB }

// pebbleCache equals the cache of the product's index.
const pebbleCache = 64 << 20

// makePebbleStore fills a store with the project's artifacts. It returns keep of the keys, spread evenly.
func makePebbleStore(ctx context.Context, project, dir string, keep int) (_ *pebbleStore, keys []string, err error) {
	a, err := app.Open(ctx, project, "bench", discardLog)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	db, err := pebble.Open(dir, &pebble.Options{CacheSize: pebbleCache, DisableWAL: true, Logger: quietLogger{}})
	if err != nil {
		return nil, nil, fmt.Errorf("open yardstick: %w", err)
	}
	p := &pebbleStore{db}
	var all []string
	_, err = exportTo(ctx, a, func(lines io.Reader) (err error) {
		all, err = p.fill(lines)
		return err
	})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	for i := range min(keep, len(all)) {
		keys = append(keys, all[i*len(all)/min(keep, len(all))])
	}
	return p, keys, nil
}

// fill writes exported lines and flushes the store.
func (p *pebbleStore) fill(lines io.Reader) (keys []string, err error) {
	in := bufio.NewScanner(lines)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var line struct {
			Key      string          `json:"key"`
			Artifact json.RawMessage `json:"artifact"`
		}
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("fill yardstick: %w", err)
		}
		if err := p.db.Set([]byte(line.Key), line.Artifact, pebble.NoSync); err != nil {
			return nil, fmt.Errorf("fill yardstick: %w", err)
		}
		keys = append(keys, line.Key)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("fill yardstick: %w", err)
	}
	if len(keys) == 0 {
		return nil, errors.New("fill yardstick: there are no artifacts")
	}
	return keys, p.db.Flush()
}

func (p *pebbleStore) read(_ context.Context, key string) error {
	_, closer, err := p.db.Get([]byte(key))
	if err != nil {
		return fmt.Errorf("read %s of yardstick: %w", key, err)
	}
	return closer.Close()
}

// Close closes the store.
func (p *pebbleStore) Close() error { return p.db.Close() }

// quietLogger drops the messages of Pebble.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf must not return.
func (quietLogger) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
