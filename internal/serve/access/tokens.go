// Package access manages the tokens of the HTTP API, each with a scope. It stores only a token's digest, and guarantees that
// creating or revoking a token takes effect at once in this process, and in others when the catalog's change feed reports it
// (catalog.Counted says how late that may be). It must not decide which right a route needs: its caller does.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

const (
	prefix = "token/"
	// SecretBytes is the number of random bytes of a token; its text has 64 hexadecimal digits.
	SecretBytes = 32
	// shownDigits is how many of a token's last digits are stored, so that people can identify it.
	shownDigits = 4
)

var (
	// ErrExists is returned by Create, wrapped, if the name is already in use.
	ErrExists = errors.New("a token with this name exists")
	// ErrUnknown is returned by Revoke, wrapped, for an unknown name.
	ErrUnknown = errors.New("no token with this name exists")

	names = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

// Token describes a token, without its secret.
type Token struct {
	Name    string    `json:"name"`
	Scope   string    `json:"scope"`
	Created time.Time `json:"created"`
	EndsIn  string    `json:"ends_in"` // its last digits
}

type storedToken struct {
	Token
	SHA256 string `json:"sha256"` // of the token's text, in hexadecimal digits
}

// Tokens are the tokens of a project. They are safe for concurrent use.
type Tokens struct {
	Catalog catalog.Catalog

	mu            sync.Mutex
	cached        []storedToken
	cachedChanges uint64 // the catalog's count of changes when known was read
	isCached      bool
}

// CheckName returns an error of class Data for an invalid token name.
func CheckName(name string) error {
	if names.MatchString(name) {
		return nil
	}
	return failure.Wrap(failure.Data, fmt.Errorf("%q is not a valid name: use at most 64 of a to z, 0 to 9 and _, and begin with a letter", name))
}

// NewSecret returns the text of a new token.
func NewSecret() string {
	random := make([]byte, SecretBytes)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// Create creates a token and returns its secret, which is not stored.
func (t *Tokens) Create(ctx context.Context, name string, scope Scope) (created Token, secret string, err error) {
	if err := CheckName(name); err != nil {
		return Token{}, "", fmt.Errorf("create token: %w", err)
	}
	secret = NewSecret()
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

// Revoke deletes a token, which is invalid from then on.
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

// Find returns the scope of a token; known is false if the token was never created, or was revoked. It compares the secret
// with every token, each in constant time.
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

// all returns all tokens. They are cached until the catalog changes, if the catalog counts its changes.
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
	list, err := catalog.Read(ctx, t.Catalog, func(tx catalog.Tx) ([]storedToken, error) {
		return catalog.All[storedToken](tx, prefix, "")
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

// Right is what a route of the API needs.
type Right uint8

const (
	// Open needs no token.
	Open Right = iota
	// Events adds events to a stream.
	Events
	// Read reads everything, and changes nothing.
	Read
	// Operate is for routes that change anything else.
	Operate
)

// Scope is what a token allows. The zero value allows nothing.
type Scope struct {
	right   Right
	streams []string // with Events: only these
}

// Everything is the scope of the project folder's owner.
var Everything = Scope{right: Operate}

// scopeNames are the names of scopes in text. The name of Events is followed by its streams.
var scopeNames = map[Right]string{Events: "events", Read: "read", Operate: "operate"}

// ParseScope parses a scope: events:STREAM[,STREAM…], read or operate.
func ParseScope(text string) (Scope, error) {
	name, list, isList := strings.Cut(text, ":")
	switch {
	case name == scopeNames[Events] && list != "":
		streams := strings.Split(list, ",")
		slices.Sort(streams)
		streams = slices.Compact(streams)
		if !slices.Contains(streams, "") {
			return Scope{Events, streams}, nil
		}
	case !isList && name == scopeNames[Read]:
		return Scope{right: Read}, nil
	case !isList && name == scopeNames[Operate]:
		return Everything, nil
	}
	return Scope{}, failure.Wrap(failure.Data, fmt.Errorf("%q is not a scope: use events:STREAM[,STREAM…], read or operate", text))
}

// String returns the scope in the form that ParseScope parses.
func (s Scope) String() string {
	if s.right == Events {
		return scopeNames[Events] + ":" + strings.Join(s.streams, ",")
	}
	return scopeNames[s.right]
}

// Streams returns the streams to which the scope is limited; nil if it is not limited to streams.
func (s Scope) Streams() []string { return s.streams }

// Allows reports whether the scope includes a right, for a stream if the right is Events.
func (s Scope) Allows(need Right, stream string) bool {
	switch s.right {
	case Operate:
		return true
	case Events:
		return need == Events && slices.Contains(s.streams, stream)
	case Read:
		return need == Read
	}
	return false
}
