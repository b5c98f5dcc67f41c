// Cases with the stores on servers: objects in S3, catalog and index in PostgreSQL, as several machines use them.

package auditor

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"bursar/internal/artifact/pgindex"
	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/object"
	"bursar/internal/object/s3"
	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/reconcile/rebuild"
)

// remote is where a case has its stores on servers.
type remote struct {
	bucket   s3.Config
	database postgres.Config
}

// TestOnServers plays a few cases on servers, and with SEEDS as many as it says. SEED=n replays one.
func TestOnServers(t *testing.T) {
	t.Parallel()
	first, last := uint64(2), 1+number(t, "SEEDS", 16)
	if seed := number(t, "SEED", 0); seed > 0 {
		first, last = seed, seed
	}
	objects, url := s3test.Versitygw(t), postgrestest.URL(t)
	objects.NewBucket(t, "books")
	seeds := make(chan uint64)
	for worker := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
			t.Parallel()
			for seed := range seeds {
				t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { playOnServers(t, objects.Endpoint, url, seed) })
			}
		})
	}
	go func() {
		defer close(seeds)
		for seed := first; seed <= last; seed++ {
			seeds <- seed
		}
	}()
}

// playOnServers plays the case of a seed. Nothing damages stores there, as the tests of the stores do.
func playOnServers(t *testing.T, endpoint, url string, seed uint64) {
	t.Helper()
	name := fmt.Sprintf("s%d", seed)
	stores := &remote{
		bucket: s3.Config{
			Bucket: "books", Prefix: name, Region: s3test.Region, Endpoint: endpoint, PathStyle: true,
			Credentials: &s3.Credentials{AccessKeyID: s3test.AccessKey, SecretAccessKey: s3test.SecretKey},
		},
		database: postgres.Config{URL: url, Schema: name},
	}
	size, faults, _ := kindOf(seed)
	stageOn(t, stores, filepath.Join(shmDir(t), "project"), New(seed, size), faults, 0).play()
}

// openRemote is open for stores on servers.
func (s *stage) openRemote(scratch string) {
	s.t.Helper()
	ctx, copies := s.t.Context(), filepath.Join(s.state(), "cache")
	bucket, err := s3.Open(ctx, s.remote.bucket)
	if err != nil {
		s.fatalf("open bucket: %v", err)
	}
	cache, err := object.NewCache(ctx, bucket, object.CacheConfig{Folder: copies})
	if err != nil {
		s.fatalf("open cache: %v", err)
	}
	records, err := pgcatalog.Open(ctx, s.remote.database, nil)
	if err != nil {
		s.fatalf("open catalog: %v", err)
	}
	index, err := pgindex.Open(ctx, pgindex.Config{Postgres: s.remote.database})
	if err != nil {
		s.fatalf("open index: %v", err)
	}
	s.close = func() error {
		cache.Close()
		return errors.Join(index.Close(), records.Close())
	}
	s.compose(object.NewCached(cache, scratch), copies, records, index, scratch)
}

// sweep deletes, when their time has come, what is replaced on servers, where other processes might read it.
func (s *stage) sweep() {
	s.t.Helper()
	if s.remote == nil {
		return
	}
	for _, wait := range []time.Duration{11 * time.Minute, 25 * time.Hour} {
		s.clock.Add(int64(wait / time.Second))
		s.carry(s.intake.Sweep)
		s.carry(rebuild.New(s.reader).Sweep)
	}
}
