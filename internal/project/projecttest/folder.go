// Package projecttest has a good stream and pipeline, writes project folders, and compares errors. It is for tests of project and the
// packages below it, and must not import project.
package projecttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/project/doc"
)

// Stream is a stream file without errors.
const Stream = `stream: payments
format: jsonl
id: event_id
time: occurred_at
columns:
  event_id: {type: string}
  type: {type: string, in: [shipment, payment]}
  order_id: {type: string, from: data.order.id}
  amount: {type: "decimal(18,2)"}
  currency: {type: string}
  occurred_at: {type: timestamp}
  seq: {type: int, optional: true}
  big: {type: bigint}
  note: {type: string, optional: true}
  raw: {type: json}
totals:
  amount: {sum: amount, by: currency}
  all: {sum: amount}
`

// Pipeline is a pipeline over Stream.
const Pipeline = `pipeline: orders
from: payments
key: [order_id, currency]
artifact:
  shipped: {sum: amount, where: "type = 'shipment'"}
  n: {count: true}
  last_at: {max: occurred_at}
  balance: {is: "shipped * 2"}
exceptions: {where: "balance = 0", since: last_at}
conserve:
  amount: shipped
`

// VersionsStream is Stream with `versions: keep`.
var VersionsStream = strings.Replace(Stream, "id: event_id\n", "id: event_id\nversions: keep\n", 1)

// Folder writes files, named by their paths, into a new project folder.
func Folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if _, ok := files["bursar.yaml"]; !ok {
		WriteFile(t, dir, "bursar.yaml", "")
	}
	for name, text := range files {
		WriteFile(t, dir, name, text)
	}
	return dir
}

// WriteFile writes one file of a project folder.
func WriteFile(t *testing.T, dir, name, text string) {
	t.Helper()
	to := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// WantErrors compares errors, written "file:line: message", where a wanted message may be the beginning of the real one.
func WantErrors(t *testing.T, got []doc.Error, want ...string) {
	t.Helper()
	texts := make([]string, len(got))
	for i, e := range got {
		texts[i] = e.Error()
	}
	ok := len(texts) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = strings.HasPrefix(texts[i], want[i])
	}
	if !ok {
		t.Errorf("got errors\n  %s\nwant\n  %s", strings.Join(texts, "\n  "), strings.Join(want, "\n  "))
	}
}
