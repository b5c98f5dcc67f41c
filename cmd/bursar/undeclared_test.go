// Properties of JSON lines that a stream does not declare.

package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestUndeclaredProperties: those of each file are named by their paths, the first twenty of them.
func TestUndeclaredProperties(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	some := strings.Replace(good("1"), `"order":{`, `"order":{"memo":1,"memo":2,`, 1)
	some = strings.Replace(some, `{"event_id"`, `{"x\u0031":{"y":1},"event_id"`, 1)
	var wide strings.Builder
	for i := range 30 {
		fmt.Fprintf(&wide, `"p%02d":1,`, i)
	}
	args := []string{
		"ingest", "payments", file(t, dir, "none.jsonl", good("0")), file(t, dir, "some.jsonl", some+strings.Replace(some, `"event_id":"1"`, `"event_id":"2"`, 1)),
		file(t, dir, "wide.jsonl", strings.Replace(good("3"), `{"event_id"`, "{"+wide.String()+`"event_id"`, 1)), "--project", dir,
	}
	got := must(t, 0, append(args, "--dry-run")...).out
	for _, want := range []string{"36 values of undeclared properties left out.\n", "some.jsonl: not declared and left out: x1, data.order.memo\n", "p18, p19 and more\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	v := value(t, must(t, 0, append(args, "--json")...))
	if first := item(t, v, "undeclared", 0); length(t, v, "undeclared") != 2 || !reflect.DeepEqual(first["columns"], []any{"x1", "data.order.memo"}) || first["more"] != nil {
		t.Errorf("undeclared is %v", v["undeclared"])
	}
	if second := item(t, v, "undeclared", 1); length(t, second, "columns") != 20 || second["more"] != true {
		t.Errorf("undeclared is %v", second)
	}
}
