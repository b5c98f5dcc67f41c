// Tests that the place of a declaration is no part of what its digest covers.

package project

import (
	"testing"

	"bursar/internal/project/projecttest"
)

// TestOriginIsNotFolded: of two equal events the origin of the first is stored, so nothing may depend on it.
func TestOriginIsNotFolded(t *testing.T) {
	t.Parallel()
	p := &Project{}
	p.addBuiltin()
	_, errs := parsePipeline("pipelines/x.yaml", []byte("pipeline: x\nfrom: entries\nkey: account\nartifact:\n  l: {list: [amount, place], by: day}\n"), p)
	projecttest.WantErrors(t, errs, "pipelines/x.yaml:5: column `place` says where an event was read from")
	_, errs = parsePipeline("pipelines/x.yaml", []byte("pipeline: x\nfrom: entries\nkey: file\nartifact:\n  n: {count: true}\n"), p)
	projecttest.WantErrors(t, errs, "pipelines/x.yaml:3: `key` column `file` says where an event was read from")
	stream := "stream: s\nformat: jsonl\nid: id\ntime: at\ncolumns:\n  id: {type: string}\n  at: {type: date, origin: true}\n  n: {type: int, origin: true}\ntotals:\n  n: {sum: n}\n"
	_, errs = parseStream("streams/s.yaml", []byte(stream))
	projecttest.WantErrors(t, errs, "streams/s.yaml:4: `time` column `at` says where", "streams/s.yaml:10: `sum` column `n` says where")
}
