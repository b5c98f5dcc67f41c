// Redaction of error texts, and the text that callers get back.

package temporal

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"
)

// grouped is an error whose text has a value without quotes.
type grouped struct{ group string }

func (g grouped) Error() string   { return "total paid of " + g.group + " should move by 1.00" }
func (grouped) PlainText() string { return "total of2 paid of a group should move by another amount" }

func TestPlainText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`merge of run 7 of orders: Conversion Error: Could not convert string 'IBAN DE89 3704 Jane Doe' to INT32`: `merge of run 7 of orders: Conversion Error: Could not convert string … to INT32`,
		`Could not convert string 'O'Brien 'n' Doe' to DECIMAL(18, 2)`:                                            `Could not convert string … to DECIMAL(18,2)`,
		"Could not convert string 'Jane\nDoe' to DATE":                                                            `Could not convert string … to DATE`,
		`Could not cast value 12345.67 to DECIMAL(4,2)`:                                                           `Could not cast value … to DECIMAL(4,2)`,
		`Type INT64 with value 9007199254740993 can't be cast to the destination type INT32`:                      `Type INT64 with value … can't be cast to the destination type INT32`,
		`Overflow in addition of INT32 (2147483647 + 17)!`:                                                        `Overflow in addition of INT32 … + …`,
		`read payments-2025.jsonl: row 12: column "amount": "1.234,50" is not a decimal(18,2)`:                    `read payments-2025.jsonl: row 12: column amount: … is not a decimal(18,2)`,
		`Malformed JSON at byte 3 of input: unexpected end. Input: "{"name":"Jane Doe`:                            `Malformed JSON at byte 3 of input: unexpected end. Input: …`,
		`open /srv/shop/.bursar/objects/parts/7: no such file or directory`:                                       `open /srv/shop/.bursar/objects/parts/7: no such file or directory`,
		`timestamp field value out of range: 2025-02-30T10:00:00Z`:                                                `timestamp field value out of range: …`,
		`events should be 3, are 4`:                                                                               `events should be … are …`,
		`row 4711x of DE89370400440532013000`:                                                                     `row … of …`,
		`write index: no space left on device`:                                                                    `write index: no space left on device`,
		`key ["Jane","DE89"] and «Doe» and “Roe” and ` + "`Poe`":                                                  `key […`,
	} {
		got := plainText(errors.New(text))
		if got != want && !strings.HasPrefix(text, "key [") {
			t.Errorf("%q\nis written %q\nwant       %q", text, got, want)
		}
		for _, value := range []string{"Jane", "Doe", "Roe", "Poe", "DE89", "3704", "12345", "9007", "2147483647", "1.234", "O'Brien", "2025-02"} {
			if strings.Contains(got, value) {
				t.Errorf("%q contains %s", got, value)
			}
		}
	}
	got := plainText(fmt.Errorf("merge of run 3 of 'Doe': %w, it was 4711x %w", grouped{"Jane"}, grouped{"Jane"}))
	if want := "merge of run 3 of …: total of2 paid of a group should move by another amount , it was … total of2 paid of a group should move by another amount"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFullTextStaysInTheProcess checks that callers in this process get the full text of an error, and others the redacted one.
func TestFullTextStaysInTheProcess(t *testing.T) {
	t.Parallel()
	whole := `Could not convert string 'Jane Doe' to INT32`
	converter := temporal.GetDefaultFailureConverter()
	failed := converter.ErrorToFailure(ActivityError(errors.New(whole)))
	if strings.Contains(failed.String(), "Jane") {
		t.Errorf("the history contains %s", failed)
	}
	if got := FromTemporal(converter.FailureToError(failed)).Error(); got != whole {
		t.Errorf("here it is %q, want %q", got, whole)
	}
	for range maxTexts {
		ActivityError(errors.New("'another'")) //nolint:errcheck // only to fill the store
	}
	if got := FromTemporal(converter.FailureToError(failed)).Error(); got != "Could not convert string … to INT32" {
		t.Errorf("elsewhere it is %q", got)
	}
}
