// Tokens on a real catalog: what is stored, what they allow, and that changes take effect at once.

package access

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

func open(t *testing.T) *Tokens {
	t.Helper()
	c, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &Tokens{Catalog: c}
}

// find returns the scope of a token, or "unknown".
func find(t *testing.T, tokens *Tokens, secret string) string {
	t.Helper()
	scope, known, err := tokens.Find(t.Context(), secret)
	switch {
	case err != nil:
		t.Fatal(err)
	case !known:
		return "unknown"
	}
	return scope.String()
}

func TestTokens(t *testing.T) {
	t.Parallel()
	tokens := open(t)
	scope, err := ParseScope("events:payments,fees,payments")
	if err != nil {
		t.Fatal(err)
	}
	made, secret, err := tokens.Create(t.Context(), "shop", scope)
	if err != nil {
		t.Fatal(err)
	}
	if len(secret) != 64 || made.Scope != "events:fees,payments" || !strings.HasSuffix(secret, made.EndsIn) || made.Created.IsZero() {
		t.Errorf("%+v, %q", made, secret)
	}
	if got := find(t, tokens, secret); got != made.Scope {
		t.Errorf("found %s", got)
	}
	for _, wrong := range []string{"", "x", secret[:63], secret + "0", strings.ToUpper(secret), digest(secret)} {
		if got := find(t, tokens, wrong); got != "unknown" {
			t.Errorf("%q is %s", wrong, got)
		}
	}
	if _, _, err := tokens.Create(t.Context(), "shop", Everything); !errors.Is(err, ErrExists) || failure.Of(err) != failure.Data {
		t.Errorf("made twice: %v", err)
	}
	_, other, err := tokens.Create(t.Context(), "admin", Everything)
	if err != nil {
		t.Fatal(err)
	}
	if got := find(t, tokens, other); got != "operate" {
		t.Errorf("the second is %s", got)
	}
	list, err := tokens.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Name != "admin" || list[1] != made {
		t.Errorf("%+v, %v", list, err)
	}
	if err := tokens.Revoke(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if got := find(t, tokens, secret); got != "unknown" {
		t.Errorf("revoked, it is %s", got)
	}
	if err := tokens.Revoke(t.Context(), "shop"); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoked twice: %v", err)
	}
	if _, _, err := tokens.Create(t.Context(), "Shop/1", Everything); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "not a valid name") {
		t.Errorf("a wrong name: %v", err)
	}
}

// TestSecretIsNotKept checks that no document of the catalog contains a token's secret.
func TestSecretIsNotKept(t *testing.T) {
	t.Parallel()
	tokens := open(t)
	_, secret, err := tokens.Create(t.Context(), "shop", Everything)
	if err != nil {
		t.Fatal(err)
	}
	err = tokens.Catalog.View(t.Context(), func(tx catalog.Tx) error {
		return tx.List("", func(key string, value json.RawMessage) error {
			if strings.Contains(string(value), secret[:32]) {
				t.Errorf("%s contains the token: %s", key, value)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "write", "events", "events:", "events:a,", "events:,a", "read:a", "operate:", "Read", "events:a;b:"} {
		scope, err := ParseScope(text)
		if err == nil && scope.Allows(Read, "") {
			t.Errorf("%q is %v", text, scope)
		}
		if err != nil && failure.Of(err) != failure.Data {
			t.Errorf("%q: class %v", text, failure.Of(err))
		}
	}
	for _, tt := range []struct {
		scope                         string
		events, other, read, operates bool
	}{
		{"events:a,b", true, false, false, false},
		{"read", false, false, true, false},
		{"operate", true, true, true, true},
	} {
		s, err := ParseScope(tt.scope)
		if err != nil {
			t.Fatal(err)
		}
		if s.Allows(Events, "a") != tt.events || s.Allows(Events, "c") != tt.other || s.Allows(Read, "a") != tt.read || s.Allows(Operate, "") != tt.operates {
			t.Errorf("%s has wrong rights", tt.scope)
		}
	}
	if (Scope{}).Allows(Read, "") || (Scope{}).Allows(Events, "") {
		t.Error("the zero scope allows something")
	}
}
