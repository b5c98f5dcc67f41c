// Tests of the PostgreSQL catalog: the conformance suites, round trips, and what only this backend has.

package pgcatalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

// schemaOf returns a schema for a folder of the suite.
func schemaOf(dir string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(dir))
	return fmt.Sprintf("s%016x", h.Sum64())
}

func mustOpen(t testing.TB, config postgres.Config) *Catalog {
	t.Helper()
	c, err := Open(context.Background(), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // again, if the test has closed it
	return c
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	catalogtest.Run(t, func(t *testing.T, dir string) catalog.Catalog {
		return mustOpen(t, postgres.Config{URL: location, Schema: schemaOf(dir)})
	})
}

func TestShared(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	catalogtest.RunShared(t, func(t *testing.T, dir string) catalog.Catalog {
		return mustOpen(t, postgres.Config{URL: location, Schema: schemaOf(dir)})
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []postgrestest.Fault{postgrestest.CutBefore, postgrestest.CutAfter} {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			t.Parallel()
			catalogtest.RunFaults(t, func(t *testing.T) catalogtest.Faulty {
				location := postgrestest.URL(t)
				proxy, through := postgrestest.NewProxy(t, location)
				c := mustOpen(t, postgres.Config{URL: through})
				c.stop() // its messages would be counted
				c.listening.Wait()
				return catalogtest.Faulty{
					Catalog: c, Direct: mustOpen(t, postgres.Config{URL: location}),
					Fail: func(n int) { proxy.Fail(n, fault) }, Fired: proxy.Fired,
				}
			})
		})
	}
}

var (
	_ catalog.Watcher = (*Catalog)(nil)
	_ catalog.Counted = (*Catalog)(nil)
)

func put(n int) func(catalog.Tx) error {
	return func(tx catalog.Tx) error {
		for i := range n {
			if err := tx.Put(fmt.Sprintf("k/%04d", i), strings.Repeat("x", 10)); err != nil {
				return err
			}
		}
		return nil
	}
}

func get(key string) func(catalog.Tx) error {
	return func(tx catalog.Tx) error { _, err := tx.Get(key, new(any)); return err }
}

func all(functions ...func(catalog.Tx) error) func(catalog.Tx) error {
	return func(tx catalog.Tx) error {
		for _, fn := range functions {
			if err := fn(tx); err != nil {
				return err
			}
		}
		return nil
	}
}

func list(tx catalog.Tx) error {
	return tx.List("k/", func(string, json.RawMessage) error { return nil })
}

// The package comment states these numbers.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	proxy, location := postgrestest.NewProxy(t, postgrestest.URL(t))
	c := mustOpen(t, postgres.Config{URL: postgrestest.WithSetting(t, location, "pool_max_conns", "1")})
	c.stop() // the change feed has a connection, too
	c.listening.Wait()
	own := errors.New("own")
	cases := []struct {
		name   string
		update bool
		fn     func(catalog.Tx) error
		want   int
	}{
		{"update with a put", true, put(1), 1},
		{"update with 100 puts", true, put(100), 1},
		{"view with a get", false, get("k/0001"), 1},
		{"view with an absent document", false, get("absent"), 1},
		{"view with 3 gets", false, all(get("k/0001"), get("k/0002"), get("k/0003")), 4},
		{"update with a get and 100 puts", true, all(get("k/0001"), put(100)), 2},
		{"update that gets what it put", true, all(put(3), get("k/0001")), 1},
		{"update with a get alone", true, get("k/0001"), 1},
		{"update that lists 100 and puts", true, all(list, put(1)), 4}, // 32, 64, 4
		{"view that lists 100", false, list, 4},
		{"empty view", false, all(), 0},
		{"empty update", true, all(), 0},
		{"failed update", true, all(put(1), func(catalog.Tx) error { return own }), 0},
	}
	for _, prepared := range []bool{false, true} { // the first round prepares the statements
		for _, test := range cases {
			run := c.View
			if test.update {
				run = c.Update
			}
			proxy.Fail(0, postgrestest.CutBefore)
			if err := run(context.Background(), test.fn); err != nil && !errors.Is(err, own) {
				t.Fatal(err)
			}
			// The end of a transaction that nobody waits for is another message.
			rollback := 0
			if test.want == 1 && (!test.update || test.name == "update with a get alone") {
				rollback = 1
				// The only connection is free when it is rolled back.
				conn, err := c.pool(test.update).Acquire(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				conn.Release()
			}
			if got := proxy.RoundTrips() - rollback; prepared && got != test.want {
				t.Errorf("%s: %d round trips, want %d", test.name, got, test.want)
			}
		}
	}
}

func (c *Catalog) pool(update bool) *postgres.Pool {
	if update {
		return c.writer
	}
	return c.reader
}

func TestDamage(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	c := mustOpen(t, postgres.Config{URL: location})
	catalogtest.Put(t, c, "a", 1, "b", 2, "c", 3)
	if n, err := c.Verify(context.Background()); n != 3 || err != nil {
		t.Errorf("verified %d, %v", n, err)
	}
	postgrestest.ExecIn(t, location, `UPDATE bursar.documents SET value = '4' WHERE key = 'b'`)
	_, verifyErr := c.Verify(context.Background())
	for name, err := range map[string]error{
		"get": c.View(context.Background(), get("b")), "list": c.View(context.Background(), func(tx catalog.Tx) error {
			return tx.List("", func(string, json.RawMessage) error { return nil })
		}), "verify": verifyErr,
	} {
		var found *catalog.DamagedError
		if !errors.As(err, &found) || found.Key != "b" || failure.Of(err) != failure.Data || strings.Contains(err.Error(), "bursar repair") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.View(context.Background(), get("a")); err != nil {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, postgres.Config{URL: postgrestest.URL(t)})
	longest := strings.Repeat("ž", maxKey/2)
	catalogtest.Put(t, c, longest, 1)
	for name, fn := range map[string]func(catalog.Tx) error{
		"key":   func(tx catalog.Tx) error { return tx.Put(longest+"x", 1) },
		"value": func(tx catalog.Tx) error { return tx.Put("v", json.RawMessage("\"\xff\"")) },
	} {
		if err := c.Update(context.Background(), fn); failure.Of(err) != failure.Data {
			t.Errorf("%s: %v", name, err)
		}
	}
	// More than is kept in memory is sent before, and rolled back with the rest.
	large, own := strings.Repeat("y", 3<<20), errors.New("own")
	fill := func(tx catalog.Tx) error {
		for i := range 5 {
			if err := tx.Put(fmt.Sprintf("large/%d", i), large); err != nil {
				return err
			}
		}
		return tx.Delete("large/0")
	}
	if err := c.Update(context.Background(), all(fill, func(catalog.Tx) error { return own })); !errors.Is(err, own) {
		t.Error(err)
	}
	if keys := catalogtest.Keys(t, c, "large/"); len(keys) != 0 {
		t.Errorf("a failed update left %q", keys)
	}
	if err := c.Update(context.Background(), fill); err != nil {
		t.Error(err)
	}
	if keys := catalogtest.Keys(t, c, "large/"); len(keys) != 4 {
		t.Errorf("%q, want 4 large documents", keys)
	}
}

func TestLeastKey(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[string]string{
		"": "", "a": "a", "a\x00": "a\x01", "a\x00zz": "a\x01", "é": "é", "a/\xc3": "a/\u00c0", "a\xff": "b", "\xf4": "\U00100000",
		"\xed\xa0\x80": "\ue000", "a\U0010ffff\xff": "b", "\xff": "none", "\U0010ffff\xff": "none", "\u007f\x80": "\u007f\u0080",
	} {
		if got, found := leastKey(bytes); found != (want != "none") || found && got != want {
			t.Errorf("least key from %q: %q, %v, want %q", bytes, got, found, want)
		}
	}
}
