// Tests of inferred loads: each reads all the objects that it was inferred from.

package load_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse/load"
)

// Infer infers the load of a folder as the harness' declaration.
func (h *harness) Infer(want ...string) {
	h.Helper()
	yaml, err := load.Infer(h.Context(), load.NewFolder(filepath.Join(h.Dir, "in")), "in/", "events", h.TempDir())
	if err != nil {
		h.Fatal(err)
	}
	for _, text := range want {
		if !strings.Contains(yaml, text) {
			h.Errorf("no %s in\n%s", text, yaml)
		}
	}
	_, after, _ := strings.Cut(yaml, "\nload: ") // comments stay behind it
	h.YAML = "load: " + after
}

func TestInfer(t *testing.T) {
	t.Parallel()
	inferring := func(t *testing.T) *harness { return newHarness(t, openDuck(t, t.TempDir()), "") }
	t.Run("many key sets", func(t *testing.T) {
		t.Parallel()
		h := inferring(t)
		for i := range 500 {
			rare := ""
			if i == 0 {
				rare = `,"rare":"x"`
			}
			h.File(fmt.Sprintf("in/2026-11-25/%03d.json", i), fmt.Sprintf(`{"id":"e%d","user":{"zipCode":"%05d"},"key_%d":%d.5,"tags":[1]%s}`, i, i, i%3, i, rare))
		}
		h.Infer("Guessed from 250 rows of 250 of 500 objects", "\nfrom: \"in/\"\nformat: json\n", "  id: {type: string, optional: true}\n",
			"  user.zipCode: {type: string, optional: true}", "  key_0: {type: \"decimal(18,1)\", optional: true}   # no value in 16", "  tags: {type: json, optional: true}",
			"  # rare: {type: string, optional: true}", "\nrest: properties", "# timeseries: {by: day}")
		h.Load("500 500 0 0")
		h.Want("SELECT user_zip_code, CAST(properties AS VARCHAR(100)) FROM events WHERE id = 'e0'", `00000|{"rare":"x"}`)
	})
	t.Run("a list in one object", func(t *testing.T) {
		t.Parallel()
		h := inferring(t)
		h.File("in/a.json", `{"meta": {"n": 2}, "items": [`, `{"id": 1, "at": "2026-11-25T08:00:00Z"},`, `{"id": 2, "properties": null}]}`)
		h.Infer("array: items", "  id: {type: int}\n", "at: {type: timestamp, optional: true}", "rest: rest")
		h.Load("1 2 0 0")
	})
	t.Run("csv", func(t *testing.T) {
		t.Parallel()
		h := inferring(t)
		h.File("in/a.csv.gz", "Order No;Betrag", "1;1.234,50", "2;7,00")
		h.Infer("format: csv", `csv: {delimiter: ";", header: true}`, `order_no: {type: int, from: "Order No"}`, `decimal: ","`)
		h.Load("1 2 0 0")
		h.Want("SELECT order_no, betrag FROM events ORDER BY 1", "1|1234.50", "2|7.00")
	})
	t.Run("repeated header", func(t *testing.T) {
		t.Parallel()
		h := inferring(t)
		h.File("in/a.csv", "id,note,note,", "1,a,b,")
		h.Infer("#   field 2: header note occurs twice")
		h.Load("1 1 0 0")
	})
	t.Run("parquet", func(t *testing.T) {
		t.Parallel()
		h := inferring(t)
		h.Parquet("in/a.parquet", 3)
		h.Infer("format: parquet", "  n: {type: bigint}")
		h.Load("1 3 0 0")
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"", "\n", "nothing"} {
			h := inferring(t)
			h.File("in/a.json", text)
			if _, err := load.Infer(t.Context(), load.NewFolder(filepath.Join(h.Dir, "in")), "in/", "", t.TempDir()); err == nil || !strings.HasPrefix(err.Error(), "infer load") {
				t.Errorf("%q: %v", text, err)
			}
		}
		if _, err := load.Infer(t.Context(), load.NewFolder(t.TempDir()), "in/", "", t.TempDir()); err == nil || !strings.Contains(err.Error(), "infer load of in/: there are no objects") {
			t.Error(err)
		}
	})
}

// Parquet writes an object with the columns n and text.
func (h *harness) Parquet(name string, rows int) {
	h.Helper()
	h.File(name)
	file, err := os.Create(filepath.Join(h.Dir, name))
	if err != nil {
		h.Fatal(err)
	}
	fields := []column.Field{{Name: "n", Type: column.Type{Kind: column.BigInt}}, {Name: "text", Type: column.Type{Kind: column.String}}}
	w, err := column.NewParquetWriter(file, fields)
	if err != nil {
		h.Fatal(err)
	}
	v := column.NewVectors(column.Types(fields), rows)
	for i := range rows {
		v[0].AppendInt(int64(i))
		v[1].AppendText(fmt.Appendf(nil, "text %d", i))
	}
	if err := w.WriteGroup(v); err != nil {
		h.Fatal(err)
	}
	if err := w.Close(); err != nil {
		h.Fatal(err)
	}
	if err := file.Close(); err != nil {
		h.Fatal(err)
	}
}

// TestInferOfCut names an object that ends too early, unless others, or its beginning, have rows.
func TestInferOfCut(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for range 20_000 {
		fmt.Fprintf(w, "{\"id\":%q}\n", rand.Text())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	infer := func(t *testing.T, objects map[string][]byte) (string, error) {
		t.Helper()
		dir := t.TempDir()
		for name, content := range objects {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return load.Infer(t.Context(), load.NewFolder(dir), "in/", "", t.TempDir())
	}
	begin, half := packed.Bytes()[:40], packed.Bytes()[:packed.Len()/2]
	_, err := infer(t, map[string][]byte{"a.json.gz": begin})
	if failure.Of(err) != failure.Data || !strings.Contains(fmt.Sprint(err), "infer load of in/: object a.json.gz: it ends too early; replace or remove it") {
		t.Errorf("only an object that is cut: %v", err)
	}
	for name, objects := range map[string]map[string][]byte{"beside another": {"a.json.gz": begin, "b.json": []byte("{\"id\":1}\n")}, "with rows": {"a.json.gz": half}} {
		if yaml, err := infer(t, objects); err != nil || !strings.Contains(yaml, "  id: {type: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := infer(t, map[string][]byte{"a.json": []byte("{\"id\":")}); !strings.Contains(fmt.Sprint(err), "object a.json: ") {
		t.Errorf("an object of text that is cut: %v", err)
	}
}

// TestInferOfDamaged names an object that is not compressed as its name says, or whose bytes were changed.
func TestInferOfDamaged(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(rand.Text() + strings.Repeat("{\"id\":1}\n", 1000))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	changed := packed.Bytes()
	for i := 12; i < len(changed)-8; i++ {
		changed[i] ^= 0xff
	}
	for name, content := range map[string][]byte{
		"a.jsonl.gz": []byte("{\"id\":1}\n"), "a.jsonl.zst": []byte("{\"id\":1}\n"), "b.jsonl.gz": changed,
		"a.csv": []byte("id\n\"1\n"), "a.csv.gz": []byte("id\n1\n"), "a.csv.zst": []byte("id\n1\n"), "b.csv.gz": changed, "a.parquet": []byte("PAR1 and more"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := load.Infer(t.Context(), load.NewFolder(dir), "in/", "", t.TempDir())
			if failure.Of(err) != failure.Data || !strings.Contains(fmt.Sprint(err), "infer load of in/: object "+name+": ") {
				t.Errorf("got error %v of class %s", err, failure.Of(err))
			}
		})
	}
}
