// Tests of errors that hide secrets.

package vault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestHide(t *testing.T) {
	t.Parallel()
	err := Hide(fmt.Errorf("dial smtp.example.com:25: lookup smtp.example.com: %w", io.EOF), "vault:smtp", "smtp.example.com:25", "smtp.example.com", "")
	if err.Error() != "dial vault:smtp: lookup vault:smtp: EOF" || !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := Hide(errors.New("send through mail:25"), "vault:mail-address", "mail", "mail:25", "a"); err.Error() != "send through vault:mail-address" {
		t.Error(err)
	}
	if err := Hide(nil, "vault:smtp", "x"); err != nil {
		t.Error(err)
	}
}
