// Tests of the conversion from UTF-16.

package statement_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/unicode"

	"bursar/internal/aggregate/format/statement"
)

func TestUTF16IsReadAsUTF8(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a", ":20:A\r\né€𝄞", strings.Repeat("żółć", 50_000)} {
		for _, order := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
			wide, err := unicode.UTF16(order, unicode.UseBOM).NewEncoder().String(text)
			if err != nil {
				t.Fatal(err)
			}
			read(t, wide, text)
			if head := string(statement.UTF8Head([]byte(wide)[:min(len(wide), 64)])); !strings.HasPrefix(text, head) || len(wide) >= 64 && len(head) < 24 {
				t.Errorf("%.20q begins with %q", text, head)
			}
		}
		read(t, text, text)
		if head := string(statement.UTF8Head([]byte(text))); head != text {
			t.Errorf("%.20q begins with %.20q", text, head)
		}
	}
}

func read(t *testing.T, raw, want string) {
	t.Helper()
	b, release := statement.BufferUTF8(iotest.OneByteReader(strings.NewReader(raw)))
	defer release()
	if got, err := io.ReadAll(b); err != nil || string(got) != want {
		t.Errorf("%.20q is read as %.20q: %v", raw, got, err)
	}
}

func TestUTF16ThatCannotBeRead(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk failed")
	for _, before := range []string{"", "\xff", "\xff\xfea\x00", "\xff\xfea"} {
		b, release := statement.BufferUTF8(io.MultiReader(strings.NewReader(before), iotest.ErrReader(broken)))
		if _, err := io.ReadAll(b); !errors.Is(err, broken) {
			t.Errorf("after %q: %v", before, err)
		}
		release()
	}
}
