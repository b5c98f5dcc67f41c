// Tests and fuzz targets of the reader of messages.

package singer

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"bursar/internal/aggregate/connector"
)

// TestNotNumbers: records with NaN are delivered as they are, so that their receiver rejects them and not the rest.
func TestNotNumbers(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`{"record":{"a":NaN,"b":[Infinity, -Infinity]}}`: `{"a":NaN,"b":[Infinity, -Infinity]}`,
		`{"record":{"a":"NaN \" NaN","b":NaN } ,"x":1}`:  `{"a":"NaN \" NaN","b":NaN }`,
		`{"x":NaN,"record": {"NaN":1.10}}`:               `{"NaN":1.10}`,
		`{"record":1,"record":{"last":1}}`:               `{"last":1}`,
		`{"record":{"a":1NaN}}`:                          "",
		`{"record":{"a":NaNN}}`:                          "",
		`{"record":{"a":"NaN}}`:                          "",
		`{"record":{}`:                                   "",
		`{"record":{}} {}`:                               "",
		`{"record" {}}`:                                  "",
		`{NaN:{}}`:                                       "",
		`{record:{}}`:                                    "",
	} {
		fields, err := fieldsOf([]byte(line))
		if got := string(fields["record"]); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: got %s, %v", line, got, err)
		}
	}
}

// FuzzFields checks that fields are those of encoding/json, with their text as it is in the line.
func FuzzFields(f *testing.F) {
	for _, line := range []string{
		`{"type":"RECORD","stream":"a","record":{"id": 1.00}}`, `{"a":1 , "b" : "\u0061" }`, `{"record":{"a":NaN}}`, `[`, `{"a":-Infinity}`, `{}`,
		`{"a":"\"NaN"}`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		fields, err := fieldsOf(line)
		if !bytes.Equal(line, before) {
			t.Fatalf("the line %q became %q", before, line)
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(line, &want) != nil || want == nil {
			if err == nil && !bytes.Contains(line, []byte("NaN")) && !bytes.Contains(line, []byte("Infinity")) {
				t.Errorf("%q is not an object, and has the fields %q", line, fields)
			}
			return
		}
		if err != nil || len(fields) != len(want) {
			t.Fatalf("%q has the fields %q, %v, want %q", line, fields, err, want)
		}
		if like, err := fieldsLike(line, line); err != nil || len(like) != len(want) {
			t.Errorf("%q: fieldsLike returns %q, %v", line, like, err)
		} else {
			for name, value := range want {
				if !bytes.Equal(like[name], value) {
					t.Errorf("%q: fieldsLike has %q for %q, want %q", line, like[name], name, value)
				}
			}
		}
		for name, value := range want {
			if !bytes.Equal(fields[name], value) {
				t.Errorf("%q: %q is %q, want %q", line, name, fields[name], value)
			}
		}
	})
}

// checking is a delivery that checks that all records before a state were delivered.
type checking struct {
	connector.Delivery

	t       *testing.T
	records int
	to      *receiver
}

func (c *checking) Records(_ context.Context, _ string, lines []byte) error {
	c.records += bytes.Count(lines, []byte("\n"))
	return nil
}

func (c *checking) State(context.Context, []byte) error {
	if c.records != c.to.records {
		c.t.Errorf("a state came after %d of %d records", c.records, c.to.records)
	}
	return nil
}

// FuzzOutput checks that standard output is read the same however it is cut into parts, and that all records are delivered.
func FuzzOutput(f *testing.F) {
	f.Add([]byte(schemaOfA+"\n"+`{"type":"RECORD","stream":"a","record":{}}`+"\n"+`{"type":"STATE","value":1}`), 7)
	f.Add([]byte(strings.Repeat(schemaOfA+"\r\n\n", 3)+`{"type":"RECORD","stream":"a","record":{"a":NaN}}`), 1)
	f.Add([]byte(`{"type":"BATCH"}`+"\n"), 3)
	f.Fuzz(func(t *testing.T, output []byte, size int) {
		size = min(max(size, 1), 1<<10)
		whole, wholeErr := readAll(t, output, len(output)+1)
		parts, partsErr := readAll(t, output, size)
		if whole != parts || (wholeErr == nil) != (partsErr == nil) || wholeErr != nil && wholeErr.Error() != partsErr.Error() {
			t.Errorf("%q: %q, %v in one part, %q, %v in parts of %d", output, whole, wholeErr, parts, partsErr, size)
		}
	})
}

func readAll(t *testing.T, output []byte, size int) (progress string, err error) {
	t.Helper()
	c := &checking{t: t}
	c.to = newReceiver(t.Context(), connector.Request{}, c)
	l := &lines{handle: c.to.receive}
	for len(output) > 0 && err == nil {
		n := min(size, len(output))
		err = l.add(output[:n])
		output = output[n:]
	}
	if err == nil {
		err = l.end()
	}
	if err == nil {
		err = c.to.flush()
	}
	if err == nil && c.records != c.to.records {
		t.Errorf("%d of %d records were delivered", c.records, c.to.records)
	}
	return c.to.progress(), err
}
