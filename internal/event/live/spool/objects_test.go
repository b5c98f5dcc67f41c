// Tests of spools as objects, and the conformance suite for every backend.

package spool_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/event/live/spool"
	"bursar/internal/event/live/spool/spooltest"
	"bursar/internal/fault"
	"bursar/internal/object"
	"bursar/internal/object/objecttest"
	"bursar/internal/object/s3"
	"bursar/internal/object/s3/s3test"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]spooltest.Opener{
		"folder":  func(_ *testing.T, dir string) spool.Spools { return spool.Folders(filepath.Join(dir, "spool")) },
		"objects": func(_ *testing.T, dir string) spool.Spools { return spool.InObjects(object.NewFolder(dir)) },
		"objects without fault": func(_ *testing.T, dir string) spool.Spools {
			return spool.InObjects(fault.Objects(object.NewFolder(dir), fault.NewPlan()))
		},
	} {
		t.Run(name, func(t *testing.T) { spooltest.Run(t, open) })
	}
}

func TestConformanceInS3(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	server.NewBucket(t, "bucket")
	spooltest.Run(t, func(t *testing.T, dir string) spool.Spools {
		t.Helper()
		return spool.InObjects(bucket(t, server, dir))
	})
}

// bucket opens a prefix of a bucket for each folder.
func bucket(t *testing.T, server *s3test.Server, dir string) *s3.Store {
	t.Helper()
	sum := sha256.Sum256([]byte(dir))
	store, err := s3.Open(t.Context(), s3.Config{
		Bucket: "bucket", Prefix: hex.EncodeToString(sum[:8]), Region: s3test.Region, Endpoint: server.Endpoint, PathStyle: true,
		Credentials: &s3.Credentials{AccessKeyID: s3test.AccessKey, SecretAccessKey: s3test.SecretKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestOnePut counts the requests of a group: one PUT, however many requests it contains.
func TestOnePut(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	server.NewBucket(t, "bucket")
	store := bucket(t, server, t.TempDir())
	w := spooltest.Begin(t, spool.InObjects(store).Of("sales"), 1)
	for group := range 3 {
		before := fmt.Sprint(store.Requests())
		for range 1 + 10*group {
			if err := w.Append("", bytes.Repeat([]byte("x"), 1000)); err != nil {
				t.Fatal(err)
			}
		}
		if now := fmt.Sprint(store.Requests()); now != before {
			t.Errorf("requests before Sync: %s, then %s", before, now)
		}
		if err := w.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if puts := store.Requests()["PutObject"]; puts != 3 {
		t.Errorf("three groups made %d PUTs", puts)
	}
}

// objectSpool is a spool of five groups of two requests, and the names of its objects.
func objectSpool(t *testing.T) (store object.Store, spools spool.Store, id spool.ID, names []string) {
	t.Helper()
	store = object.NewFolder(t.TempDir())
	spools = spool.InObjects(store).Of("sales")
	var groups [][]spool.Request
	for n := range 5 {
		groups = append(groups, []spool.Request{{Key: fmt.Sprint(2 * n), Body: []byte("first")}, {Key: fmt.Sprint(2*n + 1), Body: []byte("second")}})
	}
	id = spooltest.Write(t, spools, 7, groups...)
	names, err := store.List(t.Context(), "spool/sales/")
	if err != nil || len(names) != 5 {
		t.Fatalf("objects are %q, %v", names, err)
	}
	return store, spools, id, names
}

func keys(requests []spool.Request) string {
	var all []string
	for _, r := range requests {
		all = append(all, r.Key)
	}
	return strings.Join(all, " ")
}

// TestMissingObjects deletes objects: one that another follows is damage, the last ones were never acknowledged.
func TestMissingObjects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		missing []int
		want    string
		damaged bool
	}{
		"first":  {[]int{0}, "2 3 4 5 6 7 8 9", true},
		"middle": {[]int{1, 2}, "0 1 6 7 8 9", true},
		"last":   {[]int{4}, "0 1 2 3 4 5 6 7", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, spools, id, names := objectSpool(t)
			for _, n := range c.missing {
				if err := store.Delete(t.Context(), names[n]); err != nil {
					t.Fatal(err)
				}
			}
			if got, damage := spooltest.Read(t, spools, id); keys(got) != c.want || c.damaged != (damage != "") {
				t.Errorf("requests %q, want %q; damage %q", keys(got), c.want, damage)
			}
		})
	}
}

// TestDamagedObject flips, cuts and empties an object: all other requests are read, and the damage is reported.
func TestDamagedObject(t *testing.T) {
	t.Parallel()
	for n := range 5 {
		store, spools, id, names := objectSpool(t)
		whole := objecttest.Read(t, store, names[n])
		check := func(what string, text []byte, least int) {
			t.Helper()
			objecttest.Write(t, store, names[n], text)
			if got, damage := spooltest.Read(t, spools, id); len(got) < least || damage == "" {
				t.Fatalf("object %d, %s: requests %q; damage %q", n, what, keys(got), damage)
			}
		}
		for at := range whole {
			flipped := bytes.Clone(whole)
			flipped[at] ^= 1 << (at % 8)
			check(fmt.Sprint("bit of byte ", at), flipped, 9)
			check(fmt.Sprint("cut to ", at), whole[:at], 8)
			check(fmt.Sprint("zeros from ", at), append(bytes.Clone(whole[:at]), make([]byte, len(whole)-at+1)...), 8)
		}
		objecttest.Write(t, store, names[n], whole)
		if got, damage := spooltest.Read(t, spools, id); len(got) != 10 || damage != "" {
			t.Errorf("in the end: requests %q; damage %q", keys(got), damage)
		}
	}
}

// TestCutWhileRead cuts the end of a spool at each call of a reader, or all of it, as a former owner does: nothing is damaged.
func TestCutWhileRead(t *testing.T) {
	t.Parallel()
	for _, stays := range []int{0, 1} {
		at := 1
		for cutWhileRead(t, at, stays) {
			at++
		}
		if at < 20 {
			t.Errorf("the reader made %d calls only", at)
		}
	}
}

// cutWhileRead cuts before a call, and reports whether there was one.
func cutWhileRead(t *testing.T, at, stays int) (fired bool) {
	t.Helper()
	folder, plan := object.NewFolder(t.TempDir()), fault.NewPlan()
	w := spooltest.Begin(t, spool.InObjects(folder).Of("sales"), 1)
	size := w.Size()
	for n := range 10 { // more than are read at a time
		if n == stays {
			size = w.Size()
		}
		if err := errors.Join(w.Append(fmt.Sprint(n), nil), w.Sync(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	plan.PauseAt(at, func() {
		fired = true
		if err := w.Cut(context.Background(), size); err != nil {
			t.Error(err)
		}
	})
	got, damage := spooltest.Read(t, spool.InObjects(fault.Objects(folder, plan)).Of("sales"), w.ID())
	if len(got) < stays || damage != "" {
		t.Errorf("cut before %s: requests %q; damage %q", plan.Call(at), keys(got), damage)
	}
	return fired
}

// TestFailedPut fails the PUT of a group before and after its effect: the group is there completely or not at all, and Cut removes it.
func TestFailedPut(t *testing.T) {
	t.Parallel()
	for _, mode := range []fault.Mode{fault.Before, fault.After} {
		for call := 4; call < 7; call++ { // of the second group
			plan := fault.NewPlan()
			plan.FailAt(call, mode)
			folder := object.NewFolder(t.TempDir())
			w := spooltest.Begin(t, spool.InObjects(fault.Objects(folder, plan)).Of("sales"), 1, []spool.Request{{Key: "first"}})
			size := w.Size()
			if err := errors.Join(w.Append("second", nil), w.Sync(t.Context())); !errors.Is(err, fault.ErrInjected) {
				t.Fatalf("%s: %v", plan.Call(call), err)
			}
			if err := errors.Join(w.Append("third", nil), w.Sync(t.Context())); err == nil {
				t.Error("a spool is written on after an error")
			}
			spools := spool.InObjects(folder).Of("sales")
			if got, damage := spooltest.Read(t, spools, w.ID()); keys(got) != "first" && keys(got) != "first second" || damage != "" {
				t.Errorf("%s: requests %q; damage %q", plan.Call(call), keys(got), damage)
			}
			if err := w.Cut(t.Context(), size); err != nil {
				t.Fatal(err)
			}
			if got, damage := spooltest.Read(t, spools, w.ID()); keys(got) != "first" || damage != "" {
				t.Errorf("%s, cut: requests %q; damage %q", plan.Call(call), keys(got), damage)
			}
		}
	}
}

func TestStreamOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"spool/sales/00000012-abc/00000001":         "sales",
		"spool/sales/damaged/00000012-abc/00000001": "sales",
		"spool/sales/losses/00000012-abc.json":      "sales",
		"spool/sales/losses/00000012.json":          "sales",
		"spool/sales/00000012-abc/1":                "",
		"spool/sales/12-abc/00000001":               "",
		"spool/sales/00000012-abc":                  "",
		"spool/sales/losses/00000012-abc":           "",
		"spool/sales":                               "",
		"streams/sales/00000012-abc/00000001":       "",
	} {
		if got, ok := spool.StreamOf(name); got != want && ok || ok != (want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, ok, want)
		}
	}
}
