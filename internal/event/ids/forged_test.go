// Values that are chosen so that digests without a secret are equal.

package ids_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/column"
)

// xxh3Secret is the beginning of the secret that XXH3 has unless it is given another: it is public.
const xxh3Secret = "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221" +
	"b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b532ea371644897a20df94e3819ef46a9deacd8a8" +
	"fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364ea"

// collision makes two texts of 300 letters with equal XXH3 digests after a prefix of length before: of inputs of this length it adds, for
// each eight bytes of a stripe of 64, (low half ^ secret) * (high half ^ secret) and the bytes themselves to a sum of
// their place in the stripe. Where the high halves of two stripes' eight bytes are made equal under their secrets, a bit that
// goes from one to the other changes no sum.
func collision(t *testing.T, before int) (string, string) {
	t.Helper()
	secret, err := hex.DecodeString(xxh3Secret)
	if err != nil {
		t.Fatal(err)
	}
	for lane := 2; lane < 8; lane++ {
		for first := range 3 {
			for second := first + 1; second < 3; second++ {
				a, b := secret[8*(first+lane):][:8], secret[8*(second+lane):][:8]
				text := []byte(strings.Repeat("a", 300))
				x, y := text[64*first+8*lane-before:][:8], text[64*second+8*lane-before:][:8]
				bit := sameBit(a[0], b[0])
				if bit == 0 || !meet(x[4:], y[4:], a[4:], b[4:]) {
					continue
				}
				x[0], y[0] = 'a'&^bit|0x60, 'a'|bit
				other := []byte(string(text))
				other[64*first+8*lane-before], other[64*second+8*lane-before] = x[0]|bit, y[0]&^bit
				return string(text), string(other)
			}
		}
	}
	t.Fatal("no place for a collision")
	return "", ""
}

// sameBit is a bit of letters that two bytes of the secret have in common.
func sameBit(a, b byte) byte {
	for _, bit := range []byte{2, 4, 8} {
		if a&bit == b&bit {
			return bit
		}
	}
	return 0
}

// meet chooses printable bytes x and y with x^a = y^b.
func meet(x, y, a, b []byte) bool {
	for i := range x {
		x[i] = 0
		for c := byte('#'); c < '['; c++ {
			if d := c ^ a[i] ^ b[i]; d >= '#' && d < '\x7f' && d != '\\' {
				x[i], y[i] = c, d
			}
		}
		if x[i] == 0 {
			return false
		}
	}
	return true
}

// TestForgedDigests ingests events with digests that are equal without a secret.
func TestForgedDigests(t *testing.T) {
	t.Parallel()
	const before = 12 // a value begins with its column's seed and its length
	x, y := collision(t, before)
	canonical := func(text string) []byte {
		b := binary.LittleEndian.AppendUint64(nil, column.NameSeed("id"))
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(text))), text...)
	}
	if x == y || column.Sum128(canonical(x)) != column.Sum128(canonical(y)) {
		t.Fatalf("%q and %q are no collision", x, y)
	}

	h := newHarness(t, plainYAML)
	h.Ingest("1 2 2 0 0", h.File("ids.jsonl", sale(x, "sale", "1000000.00", "EUR")+sale(y, "sale", "1000000.00", "EUR")))

	byContent := "stream: sales\nformat: jsonl\nid: _content\ncolumns: {id: {type: string}}\n"
	h = newHarness(t, byContent)
	line := `{"id":%q}` + "\n"
	h.Ingest("1 4 4 0 0", h.File("contents.jsonl", fmt.Sprintf(line+line+line+line, x, y, x, y)))
	h.Ingest("2 5 1 0 4", h.File("more.jsonl", fmt.Sprintf(line+line+line+line+line, y, y, y, x, x)))

	h = newHarness(t, "stream: sales\nformat: jsonl\nid: key\ncolumns:\n  id: {type: string}\n  key: {type: string}\n")
	line = `{"id":%q,"key":"same"}` + "\n"
	h.Ingest("1 2 1 1 0", h.File("conflict.jsonl", fmt.Sprintf(line+line, x, y)))
}
