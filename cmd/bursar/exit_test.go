// Exit codes, and the output of failed commands.

package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	waiting := shop(t)
	must(t, 0, "ingest", "payments", filepath.Join(waiting, "sample", "payments.jsonl"), "--project", waiting)
	bank := shop(t)
	file(t, bank, "pipelines/days.yaml", "pipeline: days\nfrom: entries\nkey: [account, currency]\nartifact:\n  n: {count: true}\n")
	broken := shop(t)
	file(t, broken, "streams/payments.yaml", "stream: payments\nformat: xml\n")
	csv := shop(t)
	const columns = "id: a\ncolumns:\n  a: {type: string}\n  b: {type: string}\n"
	file(t, csv, "streams/fees.yaml", "stream: fees\nformat: csv\n"+columns)
	file(t, csv, "streams/bare.yaml", "stream: bare\nformat: csv\ncsv: {header: false}\n"+columns)
	fees := file(t, csv, "fees.csv", "a;b\n1;2\n")
	packed := file(t, csv, "fees.csv.gz", zipped("a;b\n1;2\n"))
	file(t, csv, "streams/number.yaml", "stream: number\nformat: csv\ncsv: {delimiter: \";\"}\nid: a\ncolumns:\n  a: {type: int}\n")
	rows := file(t, csv, "rows.csv.gz", zipped("a;b\n"+strings.Repeat("x;y\n", 9)))
	sample := filepath.Join(dir, "sample", "payments.jsonl")

	for _, c := range []struct {
		dir  string
		args string
		code int
		err  string // part of standard error
	}{
		{dir, "", 0, ""},
		{dir, "help ingest", 0, ""},
		{dir, "help folds", 0, ""},
		{dir, "version", 0, ""},
		{dir, "check", 0, ""},
		{dir, "status", 0, ""},
		{dir, "quarantine", 0, ""},
		{dir, "ingst payments " + sample, 2, "ingest"},
		{dir, "stats --limit 3", 2, "unknown command"},
		{dir, "status --bad", 2, "unknown flag: --bad"},
		{dir, "status more", 2, "does not accept argument"},
		{dir, "ingest payments", 2, "needs more arguments"},
		{dir, "ingest payments " + sample + " --max-rejected 5", 2, "use a share such as 1% or 0.01"},
		{dir, "ingest payments " + sample + " --max-rejected NaN", 2, "use a share"},
		{dir, "exceptions orders --limit -1", 2, `invalid argument "-1" for "--limit" flag: use a whole number that is not negative`},
		{dir, "get orders o-1 USD --as-of x", 2, `invalid argument "x" for "--as-of" flag: use a whole number that is not negative`},
		{dir, "status --json=x", 2, `invalid argument "x" for "--json" flag: use true or false`},
		{dir, "export orders", 2, "--to FILE"},
		{dir, "export orders --json --to -", 2, "standard output"},
		{dir, "get orders o-1 USD --as-of 0", 2, "numbered from 1"},
		{dir, "get orders o-1", 2, "order_id, currency"},
		{dir, "init " + t.TempDir() + " --example x", 2, "is not an example"},
		{dir, "init", 2, "needs"},
		{dir, "init " + dir, 1, "not empty"},
		{dir, "ingest nothing " + sample, 3, "the project declares payments"},
		{dir, "run nothing", 3, "the project declares orders"},
		{dir, "get nothing k", 3, "pipeline nothing not found"},
		{dir, "export nothing --to x.csv", 3, "pipeline nothing not found"},
		{dir, "exceptions nothing", 3, "pipeline nothing not found"},
		{dir, "unkeyed nothing", 3, "pipeline nothing not found"},
		{dir, "export orders --to x.jsonl", 1, "nothing of orders is published yet: ingest events with `bursar ingest payments FILE…`, then run `bursar run orders`"},
		{dir, "export orders --to -", 1, "nothing of orders is published yet"},
		{dir, "exceptions orders", 1, "nothing of orders is published yet"},
		{dir, "exceptions orders --json", 1, "nothing of orders is published yet"},
		{dir, "unkeyed orders", 1, "nothing of orders is published yet"},
		{dir, "get orders o-1 USD", 3, "not found: nothing of orders is published yet"},
		{dir, "trace orders o-1 USD", 3, "not found: nothing of orders is published yet"},
		{waiting, "export orders --to x.jsonl", 1, "nothing of orders is published yet: run `bursar run orders`"},
		{bank, "export days --to x.jsonl", 1, "nothing of days is published yet: ingest events with `bursar import FILE…`"},
		{dir, "rebuild nothing", 3, "pipeline nothing not found"},
		{dir, "verify nothing", 3, "pipeline nothing not found"},
		{dir, "quarantine nothing", 3, "stream nothing not found"},
		{dir, "ingest payments " + dir, 1, "directory"},
		{dir, "ingest payments nowhere.jsonl", 1, "no such file or directory [data]\nhint: nothing was ingested"},
		{dir, "export orders --format jsonl --to " + dir, 1, "directory"},
		{csv, "ingest fees " + fees, 1, "delimited by"},
		{csv, "ingest bare " + fees, 1, "fees.csv seems to use the delimiter ';', but stream bare declares ','"},
		{csv, "ingest bare " + packed, 1, "fees.csv.gz seems to use the delimiter ';', but stream bare declares ','"},
		{csv, "ingest number " + rows, 1, "hint: rows.csv.gz row 2, column a: "},
		{broken, "check", 2, "errors in the project folder"},
		{broken, "status", 2, "streams/payments.yaml:"},
		{t.TempDir(), "status", 2, "bursar init"},
	} {
		t.Run(c.args, func(t *testing.T) {
			args := append(strings.Fields(c.args), "--project", c.dir)
			if c.args == "init" { // which takes the folder from --project
				args = args[:1]
			}
			got := must(t, c.code, args...)
			if !strings.Contains(got.err, c.err) {
				t.Errorf("standard error is %q, want %q in it", got.err, c.err)
			}
			if got.code != 0 && strings.Contains(got.err, "Usage:") {
				t.Errorf("an error prints the usage: %s", got.err)
			}
			if strings.Contains(c.err, "published yet") && got.out != "" {
				t.Errorf("standard output is %s", got.out)
			}
		})
	}
}

// TestEveryFaultIsNamedAtOnce: of sums that mix currencies, of broken ones and of `conserve`, not one after another.
func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	file(t, dir, "pipelines/orders.yaml", `pipeline: orders
from: payments
key: order_id
artifact:
  shipped: {sum: amount, where: "type = 'shipment'"}
  paid:    {sum: amount}
  wrong:   {sum: "nothing + 1"}
conserve:
  amount: "shipped + paid"
  other: "paid + nowhere"
`)
	for _, command := range []string{"status", "run", "quarantine --retry", "check"} {
		got := must(t, 2, append(strings.Fields(command), "--project", dir)...)
		for _, want := range []string{"orders.yaml:5: `sum` adds up", "orders.yaml:6: `sum` adds up", "orders.yaml:7: ", "orders.yaml:9: total", "orders.yaml:10: no total", "orders.yaml:10: `other` does not bind"} {
			if n := strings.Count(got.out+got.err, want); n != 1 {
				t.Errorf("%s: %q stands %d times in %s%s", command, want, n, got.out, got.err)
			}
		}
	}
}

// TestExportOfNoArtifacts: a pipeline whose run made no artifacts has a result, which is empty.
func TestExportOfNoArtifacts(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	must(t, 0, "retract", "payments", "1", "--reason", "a test", "--project", dir)
	must(t, 0, "run", "--project", dir)
	to := filepath.Join(t.TempDir(), "all.jsonl")
	must(t, 0, "export", "orders", "--to", to, "--project", dir)
	if text, err := os.ReadFile(to); err != nil || len(text) > 0 {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if got := must(t, 0, "exceptions", "orders", "--project", dir); !strings.Contains(got.out, "No exceptions") {
		t.Errorf("exceptions prints %s", got.out)
	}
}

func TestErrorsAsJSON(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	for args, want := range map[string]problem{
		"run nothing":          {Class: "data", Exit: 3},
		"status --bad":         {Class: "usage", Exit: 2},
		"ingest payments none": {Class: "data", Exit: 1},
	} {
		got := must(t, want.Exit, append(strings.Fields(args), "--project", dir, "--json")...)
		var p problem
		if err := json.Unmarshal([]byte(got.err), &p); err != nil {
			t.Fatalf("%s: standard error is no JSON: %s", args, got.err)
		}
		if got.out != "" || p.Class != want.Class || p.Exit != want.Exit || p.Error == "" {
			t.Errorf("%s: got %+v, standard output %q", args, p, got.out)
		}
	}
}

func TestCheckReportsEveryFault(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	file(t, dir, "streams/payments.yaml", "stream: payments\nformat: xml\nid: x\ncolumns:\n  x: {type: money}\n")
	v := value(t, must(t, 2, "check", "--project", dir, "--json"))
	wantFields(t, v, "ok", "errors")
	wantFields(t, item(t, v, "errors", 1), "file", "line", "message")
	if v["ok"] != false {
		t.Errorf("check says %v", v)
	}
	text := must(t, 2, "--project", dir, "check")
	if !strings.Contains(text.out, "streams/payments.yaml:2:") || !strings.Contains(text.out, "streams/payments.yaml:5:") {
		t.Errorf("check prints %s", text.out)
	}
}

func TestInterruptedIngestSealsNothing(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := bursarIn(ctx, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	if got.code != 1 || !strings.HasPrefix(got.err, "error: interrupted") || got.out != "" {
		t.Errorf("got %+v", got)
	}
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, _ error) error {
		if strings.Contains(path, "batches") {
			t.Errorf("%s is left", path)
		}
		return nil
	})
}

func TestFlagsBeforeAndAfterTheCommand(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	want := must(t, 0, "status", "--project", dir, "--json").out
	for _, args := range [][]string{
		{"--project", dir, "--json", "status"},
		{"--json", "status", "--project=" + dir},
		{"-v", "--project=" + dir, "status", "--json"},
	} {
		if got := must(t, 0, args...); got.out != want {
			t.Errorf("%v prints %s, want %s", args, got.out, want)
		}
	}
	sample := filepath.Join(dir, "sample", "payments.jsonl")
	v := value(t, must(t, 0, "--dry-run", "--max-rejected", "1%", "--json", "--project", dir, "ingest", "payments", sample))
	if v["accepted"] != 20.0 || v["batch"] != 0.0 {
		t.Errorf("ingest says %v", v)
	}
}

func TestEveryCommandHelps(t *testing.T) {
	t.Parallel()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Long == "" || !strings.HasPrefix(cmd.Example, "  bursar ") {
			t.Errorf("%s lacks a part of its help", cmd.CommandPath())
		}
		if strings.HasSuffix(cmd.Short, ".") || !strings.HasSuffix(strings.TrimSpace(cmd.Long), ".") {
			t.Errorf("%s: Short is a phrase, Long is sentences", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			if !sub.Hidden { // what one command starts as its own child, no person types
				walk(sub)
			}
		}
	}
	walk(newCLI(os.Stdout, os.Stderr).root())
}

// TestExportNowhere: a folder that is not there is named, and what to do about it.
func TestExportNowhere(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	must(t, 0, "run", "--project", dir)
	folder := filepath.Join(dir, "out", "deep")
	to := filepath.Join(folder, "orders.jsonl")
	want := "error: write " + to + ": folder " + folder + " does not exist; create it, or write to another folder [data]\n"
	if got := must(t, 1, "export", "orders", "--to", to, "--project", dir); got.err != want {
		t.Errorf("export prints %s, want %s", got.err, want)
	}
}
