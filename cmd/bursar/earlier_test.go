// Projects that version 0 of all formats has left: testdata/earlier holds two, and what that version exported of them. One was
// killed while a request waited in its spool.

package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// earlier unpacks a project of an archive.
func earlier(t *testing.T, archived, name string) (dir string) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "earlier", archived))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return filepath.Join(parent, name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(h.Name, name+"/") {
			continue
		}
		path := filepath.Join(parent, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o700)
		} else {
			var text []byte
			if text, err = io.ReadAll(archive); err == nil {
				err = os.WriteFile(path, text, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantExport compares an export with that of the earlier version.
func wantExport(t *testing.T, dir, pipeline, name string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", "earlier", name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	must(t, 0, "export", pipeline, "--to", path, "--project", dir)
	if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
		t.Errorf("%s exports\n%swhere the earlier version did\n%s%v", pipeline, got, want, err)
	}
}

// The shop: every command works on it, sent events are known, the spool is ingested, and repair brings all
// to this version's formats.
func TestEarlierShop(t *testing.T) {
	t.Parallel()
	dir := earlier(t, "projects.tar.gz", "shop")
	at := func(args ...string) []string { return append(args, "--project", dir, "--json") }
	must(t, 0, at("check")...)
	must(t, 0, at("verify")...)
	must(t, 0, at("status")...)
	must(t, 0, at("trace", "orders", "o-1003", "USD")...)
	known := func(when string, turn int) { // in another order each time: else the file is known as a whole
		t.Helper()
		for name, want := range map[string][2]float64{"sample/payments.jsonl": {20, 0}, "second.jsonl": {4, 2}, "third.jsonl": {40, 0}, "request.jsonl": {2, 0}} {
			text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(text), "\n")
			lines = append(lines[turn:len(lines)-1], lines[:turn]...)
			got := bursar(t, at("ingest", "payments", file(t, dir, when+".jsonl", strings.Join(lines, "")))...)
			got.out, _, _ = strings.Cut(got.out, "\n") // an error may follow: of some files nothing is accepted
			v := value(t, got)
			if v["accepted"] != 0.0 || v["duplicates"] != want[0] || v["quarantined"] != want[1] {
				t.Errorf("%s: %s again: %v", when, name, v)
			}
		}
	}
	known("first", 1)
	must(t, 0, at("run")...)
	wantExport(t, dir, "orders", "orders.jsonl")
	must(t, 0, at("quarantine", "payments")...)
	must(t, 0, at("exceptions", "orders")...)
	must(t, 0, at("verify")...)
	repaired := must(t, 0, at("repair")...)
	if !strings.Contains(repaired.out, "dedupe index of payments") {
		t.Errorf("repair converts nothing: %s", repaired.out)
	}
	known("repaired", 2)
	fresh := value(t, must(t, 0, at("ingest", "payments", file(t, dir, "fresh.jsonl", good("fresh")))...))
	if fresh["accepted"] != 1.0 {
		t.Errorf("a new event: %v", fresh)
	}
	must(t, 0, at("run")...)
	must(t, 0, at("rebuild", "orders")...)
	must(t, 0, at("verify")...)
	must(t, 3, at("get", "orders", "o-1003", "EUR")...)
	must(t, 0, at("get", "orders", "o-1003", "USD")...)
}

// Statements: files that were imported are known, and days and sides stand as they stood.
func TestEarlierStatements(t *testing.T) {
	t.Parallel()
	dir := earlier(t, "projects.tar.gz", "bank")
	must(t, 0, "verify", "--project", dir)
	for _, pipeline := range []string{"days", "sides"} {
		wantExport(t, dir, pipeline, "bank-"+pipeline+".jsonl")
	}
	want, err := os.ReadFile("testdata/earlier/bank-completeness.json")
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`,"name":"[0-9a-f]{16}"`).ReplaceAllString(bursar(t, "completeness", "--project", dir, "--json").out, "") // that version named none
	if got != string(want) {
		t.Errorf("completeness is\n%swhere the earlier version said\n%s", got, want)
	}
	again := value(t, bursar(t, "import", "--project", dir, "--json", filepath.Join(dir, "sample", "camt053-2026-03-02.xml")))
	if item(t, again, "files", 0)["known"] != true {
		t.Errorf("a file again: %v", again)
	}
	text, err := os.ReadFile(filepath.Join(dir, "sample", "camt053-2026-03-02.xml"))
	if err != nil {
		t.Fatal(err)
	}
	renamed := must(t, 0, "import", "--project", dir, "--json", file(t, dir, "renamed.xml", string(text)+"\n"))
	if entries := object(t, object(t, value(t, renamed)["streams"])["entries"]); entries["accepted"] != 0.0 || entries["duplicates"] == 0.0 {
		t.Errorf("a file of other bytes that says the same: %v", entries)
	}
	if !strings.Contains(renamed.err, "rules of an earlier version") {
		t.Errorf("nothing is said of the older rules: %s", renamed.err)
	}
	must(t, 0, "repair", "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "verify", "--project", dir)
	for _, pipeline := range []string{"days", "sides"} {
		wantExport(t, dir, pipeline, "bank-"+pipeline+".jsonl")
	}
}
