// Package identity computes keyed digests of ids and contents of events. The key depends on a secret of the project, so that nobody who
// chooses values of events can construct two with one digest. The package owns the secret and its file, and guarantees that a secret which
// indexes depend on is only replaced on request. It must not know what is digested.
package identity

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/minio/highwayhash"

	"bursar/internal/column"
	"bursar/internal/durable"
)

// secretSize is the length of the secret in bytes.
const secretSize = 32

// Key makes keyed digests. Its methods may be called from several goroutines at once.
type Key struct {
	id, content []byte
	check       string
}

// newKey derives a key for each purpose, so that a digest of one reveals nothing about another.
func newKey(secret []byte) (*Key, error) {
	derive := func(purpose string, size int) ([]byte, error) {
		return hkdf.Expand(sha256.New, secret, "bursar dedupe index: "+purpose, size)
	}
	id, err := derive("id", highwayhash.Size)
	if err != nil {
		return nil, err
	}
	content, err := derive("content", highwayhash.Size)
	if err != nil {
		return nil, err
	}
	check, err := derive("check", 8)
	return &Key{id: id, content: content, check: hex.EncodeToString(check)}, err
}

// Check returns a value that identifies the key in the catalog without revealing it.
func (k *Key) Check() string { return k.check }

// blockSize is what the digests read at a time. Input that does not fill its last block takes several times as long.
const blockSize = 32

var padding = [blockSize]byte{0x80}

// Pad fills bytes up to whole blocks; different inputs stay different.
func Pad(b []byte) []byte { return append(b, padding[:blockSize-len(b)%blockSize]...) }

// ID returns the digest of what identifies an event, padded.
func (k *Key) ID(padded []byte) column.Digest {
	sum := highwayhash.Sum128(padded, k.id)
	return column.DigestOf(sum[:])
}

// Content returns the digest of an event's values, padded.
func (k *Key) Content(padded []byte) uint64 { return highwayhash.Sum64(padded, k.content) }

// File is the file of the secret.
type File struct {
	path string

	mu    sync.Mutex
	key   *Key
	fault error // why there is no key
}

// Open reads the secret. A missing or damaged secret is replaced, unless indexes depend on it; then Key returns the fault, so that the
// rest of the project can be used meanwhile.
func Open(path string, depended bool) (*File, error) {
	f := &File{path: path}
	if f.key, f.fault = read(path); f.fault == nil || depended {
		return f, nil
	}
	_, err := f.Renew()
	return f, err
}

// Key returns the project's key.
func (f *File) Key() (*Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.key, f.fault
}

// Verify compares the file with the key that was read from it.
func (f *File) Verify() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != nil {
		return f.fault
	}
	now, err := read(f.path)
	if err == nil && now.check != f.key.check {
		err = fmt.Errorf("%s changed since the project was opened", f.path)
	}
	return err
}

// Renew is Key, with a new secret if the old one is missing or damaged. Whatever depends on the old one must be rebuilt.
func (f *File) Renew() (*Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault == nil {
		return f.key, nil
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	if err := durable.WriteFile(f.path, secret); err != nil {
		return nil, fmt.Errorf("write identity key: %w", err)
	}
	f.key, f.fault = newKey(secret)
	return f.key, f.fault
}

func read(path string) (*Key, error) {
	secret, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is missing", path)
	case err != nil:
		return nil, fmt.Errorf("read identity key: %w", err)
	case len(secret) != secretSize:
		return nil, fmt.Errorf("%s has %d bytes, want %d", path, len(secret), secretSize)
	}
	return newKey(secret)
}
