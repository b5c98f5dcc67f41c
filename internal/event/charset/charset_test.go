// Tests of the detection and decoding of character encodings.

package charset_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"

	"bursar/internal/event/charset"
)

// TestStrict reads texts whole and byte by byte. What the encoding does not have is not UTF-8.
func TestStrict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		declared encoding.Encoding
		want     string
	}{
		{"", charmap.Windows1252, ""},
		{"", nil, ""},
		{"M\xfcller\x81\x80", charmap.Windows1252, "Müller\xff€"},
		{"M\xfcller", nil, "M\xfcller"},
		{"\xff\xfe\xfc\x00a\x00", charmap.Windows1252, "üa"},
		{"\xfe\xff\xd8\x00\x00a", nil, "\xffa"},
		{"\xff\xfea", nil, "\xff"},
		{"\xef\xbb\xbfü\xfc", charmap.Windows1252, "ü\xfc"},
		{"\x88\x9f\x85x", japanese.ShiftJIS, "亜\xff"},
		{strings.Repeat("\xef\x81", 5000), charmap.Windows1252, strings.Repeat("ï\xff", 5000)},
	} {
		for name, in := range map[string]io.Reader{"whole": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text))} {
			r, err := charset.Strict(in, c.declared)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); string(got) != c.want || err != nil {
				t.Errorf("%.40q, %s: %.60q, %v, want %.60q", c.text, name, got, err, c.want)
			}
		}
	}
}
