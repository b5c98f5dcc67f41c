// Tests account numbers, references and page numbers.

package statement

import "testing"

func TestAccountNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, want string
		iban       bool
	}{
		{"DE89 3704 0044 0532 0130 00", "DE89370400440532013000", true},
		{"NO9386011117947", "NO9386011117947", true},
		{"DE88370400440532013000", "DE88370400440532013000", false},
		{"de89 3704 0044 0532 0130 00", "DE89370400440532013000", true},
		{"DE89\u00a03704\t0044 0532 0130 00 ", "DE89370400440532013000", true},
		{"DE893704004405320130ſ0", "DE893704004405320130ſ0", false},
		{" 12 345 ", "12 345", false},
		{"8937040044053201", "8937040044053201", false},
		{"DE8937040044053201300ä", "DE8937040044053201300ä", false},
		{"", "", false},
	} {
		if got, iban := AccountNumber(c.text); got != c.want || iban != c.iban {
			t.Errorf("AccountNumber(%q) = %q, %v; want %q, %v", c.text, got, iban, c.want, c.iban)
		}
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", " R 1 ": "R 1", "NONREF": "", " nonref": "", "NotProvided": "", "NONREF1": "NONREF1"} {
		if got := NormalizeReference(text); got != want {
			t.Errorf("%q is normalized to %q, want %q", text, got, want)
		}
	}
}

func TestIsLater(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]bool{"": false, "0": false, "1": false, "00001": false, "2": true, "00010": true, "99999999999999999999": true, "2a": false, "-2": false, "last": false} {
		if got := IsLaterPage(page); got != want {
			t.Errorf("page %q is later: %v", page, got)
		}
	}
}
