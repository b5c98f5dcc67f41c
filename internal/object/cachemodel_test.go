// A seeded workload on two caches that share a folder, compared with a naive model of what is pinned.

package object_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/object"
)

// cacheModel is the state that the caches must have: which pins exist. What is cached beyond them is only bounded.
type cacheModel struct {
	dir    string
	limit  int64
	store  *remoteStore
	list   []object.Description
	caches []*object.Cache
	pins   []modelPin
}

type modelPin struct {
	pinned *object.Pinned
	cache  int
	list   []object.Description
	broken bool // a copy was deleted, or damaged while nothing looked
}

func TestCacheModel(t *testing.T) {
	t.Parallel()
	seeds := []uint64{1, 2, 3, 4, 5}
	if text := os.Getenv("SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = []uint64{seed}
	} else if n, err := strconv.ParseUint(os.Getenv("SEEDS"), 10, 32); err == nil {
		for seed := uint64(6); seed <= n; seed++ {
			seeds = append(seeds, seed)
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Failed() {
					t.Logf("seed %d: SEED=%d go test ./internal/object -run TestCacheModel", seed, seed)
				}
			}()
			runCacheModel(t, rand.New(rand.NewPCG(seed, 0)), 300)
		})
	}
}

func runCacheModel(t *testing.T, random *rand.Rand, steps int) {
	m := &cacheModel{dir: t.TempDir(), limit: 20_000, store: newRemote()}
	for i := range 30 {
		m.list = append(m.list, m.store.put(fmt.Sprint("object-", i), random.IntN(3000)))
	}
	for range 2 {
		m.caches = append(m.caches, newCache(t, m.store, object.CacheConfig{Folder: m.dir, Limit: m.limit, Downloads: 1 + random.IntN(4)}))
	}
	for step := range steps {
		switch n := random.IntN(100); {
		case n < 45:
			m.pin(t, random)
		case n < 80:
			m.release(random)
		case n < 84:
			m.failedPin(t, random)
		case n < 90:
			m.deleteCopy(t, random)
		case n < 96:
			m.damageCopy(t, random)
		default:
			m.restart(t, random)
		}
		m.check(t, step)
		if t.Failed() {
			return
		}
	}
}

func (m *cacheModel) some(random *rand.Rand) (list []object.Description) {
	for range random.IntN(12) {
		list = append(list, m.list[random.IntN(len(m.list))])
	}
	return list
}

func (m *cacheModel) pin(t *testing.T, random *rand.Rand) {
	t.Helper()
	i, list := random.IntN(2), m.some(random)
	m.pins = append(m.pins, modelPin{pinned: pin(t, m.caches[i], list...), cache: i, list: list})
}

func (m *cacheModel) release(random *rand.Rand) {
	if len(m.pins) > 0 {
		i := random.IntN(len(m.pins))
		m.pins[i].pinned.Release()
		m.pins = append(m.pins[:i], m.pins[i+1:]...)
	}
}

// failedPin pins while the store fails: nothing is pinned if anything has to be downloaded.
func (m *cacheModel) failedPin(t *testing.T, random *rand.Rand) {
	t.Helper()
	errBroken := failure.Wrap(failure.Transient, errors.New("connection reset"))
	m.store.fail(nil, errBroken)
	defer m.store.fail(nil, nil)
	i, list := random.IntN(2), m.some(random)
	p, err := m.caches[i].Pin(context.Background(), list)
	m.caches[i].Close() // downloads that the failure cancelled
	if err == nil {
		m.pins = append(m.pins, modelPin{pinned: p, cache: i, list: list})
	} else if !errors.Is(err, errBroken) {
		t.Errorf("failed pin: %v", err)
	}
}

func (m *cacheModel) deleteCopy(t *testing.T, random *rand.Rand) {
	t.Helper()
	if names := cached(t, m.dir); len(names) > 0 {
		name := names[random.IntN(len(names))]
		if err := os.Remove(filepath.Join(m.dir, name)); err != nil {
			t.Error(err)
		}
		m.markBroken(name)
	}
}

// damageCopy replaces a copy that is not pinned by other bytes, or by fewer, as a power failure does.
func (m *cacheModel) damageCopy(t *testing.T, random *rand.Rand) {
	t.Helper()
	d := m.list[random.IntN(len(m.list))]
	path := filepath.Join(m.dir, d.Digest)
	if _, err := os.Stat(path); err != nil || d.Bytes == 0 {
		return
	}
	err := errors.Join(os.Remove(path), os.WriteFile(path, make([]byte, d.Bytes-int64(random.IntN(2))), 0o600))
	if err != nil {
		t.Error(err)
	}
	m.markBroken(d.Digest)
}

func (m *cacheModel) markBroken(digest string) {
	for i, p := range m.pins {
		for _, d := range p.list {
			m.pins[i].broken = m.pins[i].broken || d.Digest == digest
		}
	}
}

// restart replaces a cache. Its pins end with it.
func (m *cacheModel) restart(t *testing.T, random *rand.Rand) {
	t.Helper()
	i := random.IntN(2)
	var rest []modelPin
	for _, p := range m.pins {
		if p.cache == i {
			p.pinned.Release()
		} else {
			rest = append(rest, p)
		}
	}
	m.pins = rest
	m.caches[i] = newCache(t, m.store, object.CacheConfig{Folder: m.dir, Limit: m.limit})
}

// check compares every pin with the store, and the folder with its bound.
func (m *cacheModel) check(t *testing.T, step int) {
	t.Helper()
	pinned := map[string]int64{}
	for _, p := range m.pins {
		if !p.broken {
			wantPinned(t, p.pinned, p.list...)
		}
		for _, d := range p.list {
			pinned[d.Digest] = d.Bytes
		}
	}
	var inUse, used int64
	for _, bytes := range pinned {
		inUse += bytes
	}
	for _, name := range cached(t, m.dir) {
		info, err := os.Stat(filepath.Join(m.dir, name))
		if err != nil || filepath.Ext(name) != "" {
			t.Errorf("step %d: %s is in the folder, %v", step, name, err)
			continue
		}
		used += info.Size()
	}
	if used > max(m.limit, inUse) {
		t.Errorf("step %d: %d bytes are cached, more than the limit %d and the %d that are pinned", step, used, m.limit, inUse)
	}
	if t.Failed() {
		t.Logf("step %d", step)
	}
}
