//go:build linux

// Intervals that a person accepts although their statements do not prove them.

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// oneAccount is an MT940 statement of one day with one entry.
func oneAccount(number, day, opening, entry, closing string) string {
	return fmt.Sprintf(":20:S%s\n:25:NL91ABNA0417164300\n:28C:%s\n:60F:C%s EUR%s\n:61:%s%sC%s NTRFNONREF\n:62F:C%sEUR%s\n-\n", number, number, day, opening, day, day[2:], entry, day, closing)
}

// mt940 writes a statement whose balances are as given.
func mt940(t *testing.T, dir, name, number, day, opening, entry, closing string) string {
	t.Helper()
	return file(t, dir, name, strings.ReplaceAll(oneAccount(number, day, opening, entry, closing), " ", ""))
}

// only is the single interval of the single account.
func only(t *testing.T, code int, dir string) completeness.Interval {
	t.Helper()
	all := accountsOf(t, code, dir)
	if a := all["NL91ABNA0417164300"]; len(all) == 1 && len(a.Intervals) == 1 {
		return a.Intervals[0]
	}
	t.Fatalf("not one interval: %+v", all)
	return completeness.Interval{}
}

// TestAccept accepts an inconsistent statement, and withdraws that: without and with a running `bursar up`.
func TestAccept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	broken := mt940(t, dir, "a.sta", "7", "240304", "100,00", "10,00", "120,00")
	imports(t, 0, dir, broken)
	was := only(t, 4, dir)
	if was.Name == "" || was.State != completeness.Broken {
		t.Fatalf("the interval is %+v", was)
	}
	before := must(t, 0, "status", "--project", dir).out
	got := must(t, 0, "completeness", "--project", dir, "--accept", was.Name, "--reason", "the bank wrote so")
	if !strings.Contains(got.out, "Accepted") || !strings.Contains(got.out, "--undo") {
		t.Errorf("accept says %s", got.out)
	}
	is := only(t, 0, dir)
	if is.State != completeness.Claimed || is.Accepted == nil || is.Accepted.Reason != "the bank wrote so" || is.Accepted.Was != completeness.Broken || is.Accepted.Time.IsZero() || is.Amount != was.Amount {
		t.Errorf("accepted, it is %+v", is)
	}
	if shown := must(t, 0, "completeness", "--project", dir).out; !strings.Contains(shown, "accepted NL91ABNA0417164300") || !strings.Contains(shown, "the bank wrote so") {
		t.Errorf("completeness shows %s", shown)
	}
	if after := must(t, 0, "status", "--project", dir).out; after != before {
		t.Errorf("the status was\n%s and is\n%s", before, after)
	}
	must(t, 1, "completeness", "--project", dir, "--accept", was.Name, "--reason", "again")
	u := bringUp(t, dir)
	must(t, 0, "completeness", "--project", dir, "--accept", was.Name, "--undo")
	only(t, 4, dir)
	must(t, 0, "completeness", "--project", dir, "--accept", "7", "--reason", "twice")
	must(t, 0, "completeness", "--project", dir, "--accept", "7", "--undo")
	only(t, 4, dir)
	must(t, 0, "completeness", "--project", dir, "--accept", "7", "--reason", "by its number")
	only(t, 0, dir)
	u.stop(syscall.SIGTERM, 0)
	if is := only(t, 0, dir); is.Accepted == nil || is.Accepted.Reason != "by its number" {
		t.Errorf("after a restart it is %+v", is)
	}
}

// TestAcceptGap accepts the days between two statements, and finds them BROKEN again with other figures.
func TestAcceptGap(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	imports(t, 0, dir, mt940(t, dir, "a.sta", "1", "240304", "100,00", "10,00", "110,00"), mt940(t, dir, "b.sta", "3", "240308", "200,00", "10,00", "210,00"))
	gap := func(code int) (gap completeness.Interval) {
		for _, i := range accountsOf(t, code, dir)["NL91ABNA0417164300"].Intervals {
			if i.Kind == "" {
				gap = i
			}
		}
		return gap
	}
	must(t, 0, "completeness", "--project", dir, "--accept", gap(4).Name, "--reason", "the account was with another bank")
	if is := gap(0); is.State != completeness.Claimed {
		t.Errorf("the gap is %+v", is)
	}
	imports(t, 0, dir, mt940(t, dir, "c.sta", "2", "240306", "110,00", "10,00", "120,00"))
	gap(4)
	got := must(t, 4, "completeness", "--project", dir)
	if !strings.Contains(got.out, "stale acceptance NL91ABNA0417164300 2024-03-05 – 2024-03-07") {
		t.Errorf("completeness shows %s", got.out)
	}
	if got := must(t, 4, "completeness", "--format", "vertical", "--project", dir); !strings.Contains(got.out, "stale acceptance") {
		t.Errorf("vertical prints\n%s", got.out)
	}
}

// TestAcceptUntil accepts the days up to one on which nothing came, and finds the days behind them UNKNOWN.
func TestAcceptUntil(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	file(t, dir, "institutions/bank.yaml", "institution: bank\naccounts: [NL91ABNA0417164300]\nstatements: daily\n")
	imports(t, 0, dir, mt940(t, dir, "a.sta", "1", "240304", "100,00", "10,00", "110,00"))
	unknown := func(until string) (list []string) {
		var v struct{ Accounts []completeness.Account }
		got := must(t, 0, "completeness", "--project", dir, "--json", "--until", until)
		if err := json.Unmarshal([]byte(got.out), &v); err != nil || len(v.Accounts) != 1 {
			t.Fatalf("%v in %s", err, got.out)
		}
		for _, i := range v.Accounts[0].Intervals {
			if i.State == completeness.Unknown {
				list = append(list, i.From+" "+i.To+" "+i.Name)
			}
		}
		return list
	}
	is := strings.Fields(strings.Join(unknown("2024-03-08"), ""))
	if len(is) != 3 || is[0] != "2024-03-05" || is[1] != "2024-03-08" {
		t.Fatalf("the days are %q", is)
	}
	must(t, 1, "completeness", "--project", dir, "--accept", is[2], "--reason", "they are not asked for")
	must(t, 0, "completeness", "--project", dir, "--accept", is[2], "--until", "2024-03-08", "--reason", "the account was closed")
	if left := unknown("2024-03-10"); len(left) != 1 || !strings.HasPrefix(left[0], "2024-03-09 2024-03-10 ") {
		t.Errorf("behind the accepted days it is %q", left)
	}
	if got := must(t, 0, "completeness", "--project", dir); strings.Contains(got.out, "stale") {
		t.Errorf("completeness shows %s", got.out)
	}
}

// TestAcceptArguments names what cannot be accepted, and flags that do not go together.
func TestAcceptArguments(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	imports(t, 0, dir, mt940(t, dir, "a.sta", "1", "240304", "100,00", "10,00", "110,00"))
	for _, c := range []struct {
		code    int
		args    []string
		message string
	}{
		{1, []string{"--accept", "1", "--reason", "r"}, "no interval that is BROKEN or UNKNOWN"},
		{1, []string{"--accept", "abc", "--undo"}, "it is not accepted"},
		{2, []string{"--accept", "1"}, "needs --reason"},
		{2, []string{"--accept", "1", "--reason", "  "}, "needs --reason"},
		{2, []string{"--accept", "", "--reason", "r"}, "name of an interval"},
		{2, []string{"--undo"}, "need --accept"},
		{2, []string{"--reason", "r"}, "need --accept"},
		{2, []string{"--accept", "1", "--undo", "--reason", "r"}, "cannot be combined with --reason"},
		{2, []string{"--accept", "1", "--undo", "--until", "today"}, "--undo cannot be combined with --reason or --until"},
		{2, []string{"--accept", "1", "--reason", "r", "--all"}, "cannot be combined with accounts"},
		{2, []string{"--accept", "1", "--reason", "r", "NL91ABNA0417164300"}, "cannot be combined with accounts"},
	} {
		if got := must(t, c.code, append([]string{"completeness", "--project", dir}, c.args...)...); !strings.Contains(got.err, c.message) {
			t.Errorf("%v: %s", c.args, got.err)
		}
	}
	only(t, 0, dir)
}
