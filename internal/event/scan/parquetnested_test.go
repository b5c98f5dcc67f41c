// Columns of columns: refused by their names and types where they are declared, left out where they are not.

package scan

import (
	"bytes"
	"strings"
	"testing"

	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/failure"
)

func TestParquetNested(t *testing.T) {
	t.Parallel()
	optional, required := format.Repetitions.Optional, format.Repetitions.Required
	leaf := func(name string, r format.Repetition) schema.Node { return schema.NewInt32Node(name, r, -1) }
	must := func(n schema.Node, err error) schema.Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	list, err := schema.ListOf(leaf("element", required), optional, -1)
	column := must(schema.NewGroupNodeLogical("V", optional, schema.FieldList{list.Field(0)}, schema.NewListLogicalType(), -1))
	must(column, err)
	pairs := must(schema.MapOf("V", schema.NewByteArrayNode("key", required, -1), leaf("value", optional), optional, -1))
	for _, c := range []struct {
		is   string
		node schema.Node
	}{
		{"a list", column},
		{"a map", pairs},
		{"a struct", must(schema.NewGroupNode("V", optional, schema.FieldList{leaf("x", optional), leaf("y", optional)}, -1))},
		{"a list", leaf("V", format.Repetitions.Repeated)},
	} {
		root, err := schema.NewGroupNode("root", required, schema.FieldList{c.node, leaf("other", required)}, -1)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := file.NewParquetWriter(&out, root).Close(); err != nil {
			t.Fatal(err)
		}
		for typ, as := range map[string]string{"json": "string that holds JSON text, as it is declared json", "string": "string", "int": "an integer, DECIMAL or string"} {
			_, err := openFile(t, writeFile(t, "p.parquet", out.Bytes()), parquetPlan(t, typ, nil), Options{Workers: 1})
			if want := "column v is " + c.is + "; write it as " + as; err == nil || !strings.Contains(err.Error(), want) || failure.Of(err) != failure.Data {
				t.Errorf("%v [%v], want %q", err, failure.Of(err), want)
			}
		}
	}
}
