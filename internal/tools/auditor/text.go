// Encodes files for intake, and compares exports.

package auditor

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
)

// Bytes returns the content of the file as it is ingested.
func (f File) Bytes() []byte {
	if !f.Zip {
		return []byte(f.Text)
	}
	var b bytes.Buffer
	out := gzip.NewWriter(&b)
	if _, err := out.Write([]byte(f.Text)); err != nil || out.Close() != nil {
		panic("writes to a buffer do not fail")
	}
	return b.Bytes()
}

// Difference is the first line in which two texts differ.
func Difference(got, want string) string {
	a, b := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return fmt.Sprintf("line %d is missing: %s", i+1, b[i])
		case i >= len(b):
			return fmt.Sprintf("line %d is too many: %s", i+1, a[i])
		case a[i] != b[i]:
			return fmt.Sprintf("line %d is\n%swant\n%s", i+1, a[i], b[i])
		}
	}
	return ""
}
