// Package access says who may do what over HTTP: tokens that are given to others, each with a scope. It keeps of a token its
// digest only, and guarantees that one that was made or revoked is known at once. What each route asks for is its caller's to say.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

const (
	prefix = "token/"
	// secretBytes are random: 64 hexadecimal digits.
	secretBytes = 32
	// shownDigits are those at a token's end by which people tell it from others.
	shownDigits = 4
)

var (
	// ErrExists is what Create returns, wrapped, for a name that is taken.
	ErrExists = errors.New("there is a token of that name")
	// ErrUnknown is what Revoke returns, wrapped, for a name that is not known.
	ErrUnknown = errors.New("there is no token of that name")

	names = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

// Token is what is kept of one.
type Token struct {
	Name    string    `json:"name"`
	Scope   string    `json:"scope"`
	Created time.Time `json:"created"`
	EndsIn  string    `json:"ends_in"` // its last digits
}

// storedToken is a token in the catalog.
type storedToken struct {
	Token
	SHA256 string `json:"sha256"` // of the token's text, in hexadecimal digits
}

// Tokens are those of a project. They are safe for concurrent use.
type Tokens struct {
	Catalog catalog.Catalog

	mu            sync.Mutex
	cached        []storedToken
	cachedChanges uint64 // the catalog's count of changes when known was read
	isCached      bool
}

// CheckName refuses what cannot be the name of a token.
func CheckName(name string) error {
	if names.MatchString(name) {
		return nil
	}
	return failure.Wrap(failure.Data, fmt.Errorf("%q is not a valid name: use a to z, 0 to 9 and _, beginning with a letter, at most 64", name))
}

// Create makes a token and returns its text, which is kept nowhere.
func (t *Tokens) Create(ctx context.Context, name string, scope Scope) (created Token, secret string, err error) {
	if err := CheckName(name); err != nil {
		return Token{}, "", fmt.Errorf("create token: %w", err)
	}
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // it never fails
	secret = hex.EncodeToString(random)
	created = Token{Name: name, Scope: scope.String(), Created: time.Now().UTC().Truncate(time.Second), EndsIn: secret[len(secret)-shownDigits:]}
	err = t.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var before storedToken
		exists, err := tx.Get(prefix+name, &before)
		if err != nil {
			return err
		}
		if exists {
			return failure.Wrap(failure.Data, ErrExists)
		}
		return tx.Put(prefix+name, storedToken{created, digest(secret)})
	})
	if err != nil {
		return Token{}, "", fmt.Errorf("create token %s: %w", name, err)
	}
	return created, secret, nil
}

// List returns all tokens by name.
func (t *Tokens) List(ctx context.Context) ([]Token, error) {
	all, err := t.all(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	list := make([]Token, len(all))
	for i, one := range all {
		list[i] = one.Token
	}
	return list, nil
}

// Revoke has a token mean nothing from now on.
func (t *Tokens) Revoke(ctx context.Context, name string) error {
	err := t.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var before storedToken
		known, err := tx.Get(prefix+name, &before)
		if err != nil {
			return err
		}
		if !known {
			return failure.Wrap(failure.Data, ErrUnknown)
		}
		return tx.Delete(prefix + name)
	})
	if err != nil {
		return fmt.Errorf("revoke token %q: %w", name, err)
	}
	return nil
}

// Find returns what the bearer of a token may do; known is false of a token that was never given out, or was revoked. It
// compares with every token, each in constant time.
func (t *Tokens) Find(ctx context.Context, secret string) (scope Scope, known bool, err error) {
	all, err := t.all(ctx)
	if err != nil {
		return Scope{}, false, fmt.Errorf("find token: %w", err)
	}
	got, text := []byte(digest(secret)), ""
	for _, one := range all {
		if subtle.ConstantTimeCompare(got, []byte(one.SHA256)) == 1 {
			text = one.Scope
		}
	}
	if text == "" {
		return Scope{}, false, nil
	}
	scope, err = ParseScope(text)
	return scope, err == nil, err
}

// all are the tokens as they are now, remembered until anything is written to a catalog that counts its changes.
func (t *Tokens) all(ctx context.Context) ([]storedToken, error) {
	counted, isCounted := t.Catalog.(catalog.Counted)
	var changes uint64
	if isCounted {
		changes = counted.Changes()
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.isCached && t.cachedChanges == changes {
			return t.cached, nil
		}
	}
	var list []storedToken
	err := t.Catalog.View(ctx, func(tx catalog.Tx) error {
		list = nil
		return tx.List(prefix, func(_ string, value json.RawMessage) error {
			var one storedToken
			if err := json.Unmarshal(value, &one); err != nil {
				return err
			}
			list = append(list, one)
			return nil
		})
	})
	if err == nil && isCounted {
		t.cached, t.cachedChanges, t.isCached = list, changes, true
	}
	return list, err
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
