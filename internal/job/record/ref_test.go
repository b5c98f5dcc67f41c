// Tests of references to slots as text.

package record

import (
	"slices"
	"testing"
	"time"
)

func TestParseRef(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a/2026-11-25T08:00:00Z":        "a/2026-11-25T08:00:00Z",
		"a/2026-11-25T09:00:00+01:00":   "a/2026-11-25T08:00:00Z",
		"a/2026-11-25T08:00:00Z/2":      "a/2026-11-25T08:00:00Z/2",
		"a/2026-11-25T08:00:00Z/0":      "a/2026-11-25T08:00:00Z",
		"a/2026-11-25T08:00:00Z/999999": "a/2026-11-25T08:00:00Z/999999",
	} {
		if ref, err := ParseRef(text); err != nil || ref.String() != want {
			t.Errorf("%s is %s, %v; want %s", text, ref, err, want)
		}
	}
	for _, text := range []string{
		"", "a", "/2026-11-25T08:00:00Z", "a/yesterday", "a/2026-11-25T08:00:00Z/", "a/2026-11-25T08:00:00Z/-1", "a/2026-11-25T08:00:00Z/x",
		"a/2026-11-25T08:00:00Z/1/2", "a/2026-11-25T08:00:00.5Z", "a/2026-11-25T08:00:00Z/1000000", "a/0000-01-01T00:00:00+12:00",
		"a/9999-12-31T23:00:00-12:00", "a/1969-12-31T23:59:59Z",
	} {
		_, err := ParseRef(text)
		refused(t, err, "is not a slot: write JOB/DUE")
	}
}

// FuzzParseRef: what is accepted is written in one way, which names the same slot.
func FuzzParseRef(f *testing.F) {
	for _, text := range []string{"a/2026-11-25T08:00:00Z", "a/2026-11-25T08:00:00+23:59/7", "a/0000-01-01T00:00:00+12:00", "a/2026-11-25T08:00:00Z/+01", "/", "a/b/c/d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := ParseRef(text)
		if err != nil {
			return
		}
		again, err := ParseRef(ref.String())
		if err != nil || again != ref {
			t.Errorf("%q is %+v; written as %q it is %+v, %v", text, ref, ref, again, err)
		}
	})
}

// TestKeyOrder: the keys of slots list the newest first, and those of waiting slots the one that begins first.
func TestKeyOrder(t *testing.T) {
	t.Parallel()
	early := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	late := time.Date(5000, 1, 1, 0, 0, 0, 0, time.UTC)
	older, newer := Ref{"a", early, 0}, Ref{"a", late, 0}
	again := Ref{"a", late, 999_999}
	if keys := []string{slotKey(again), slotKey(newer), slotKey(older)}; !slices.IsSorted(keys) {
		t.Errorf("%q are not in order", keys)
	}
	missed := []string{waitingKey(&Slot{Ref: older, Kind: "missed"}), waitingKey(&Slot{Ref: newer, Kind: "missed"})}
	kinds := []string{waitingKey(&Slot{Ref: newer, Kind: "scheduled"}), waitingKey(&Slot{Ref: older, Kind: "manual"})}
	if !slices.IsSorted(missed) || !slices.IsSorted(kinds) {
		t.Errorf("%q, %q: waiting slots do not begin in the order of their kinds and due times", missed, kinds)
	}
}
