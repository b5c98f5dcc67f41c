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
	"bursar/internal/failure"
)

// secretSize is the length of the secret in bytes.
const secretSize = 32

// Key makes keyed digests. Its methods may be called from several goroutines at once.
type Key struct {
	id, content, peer []byte
	check             string
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
	peer, err := derive("peer", secretSize)
	if err != nil {
		return nil, err
	}
	check, err := derive("check", 8)
	return &Key{id: id, content: content, peer: peer, check: hex.EncodeToString(check)}, err
}

// Check returns a value that identifies the key in the catalog without revealing it.
func (k *Key) Check() string { return k.check }

// PeerSeed returns 32 bytes from which the processes of the project derive the key pair by which they recognise each other.
func (k *Key) PeerSeed() []byte { return k.peer }

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

// Store keeps the secret.
type Store interface {
	// Read returns the secret, or an error that is fs.ErrNotExist if there is none.
	Read() ([]byte, error)
	// Write stores a new secret durably.
	Write(secret []byte) error
	// String names the place, for messages.
	String() string
}

// InFile keeps the secret in the file at a path, which only its owner may read.
func InFile(path string) Store { return file(path) }

type file string

func (f file) Read() ([]byte, error)     { return os.ReadFile(string(f)) }
func (f file) Write(secret []byte) error { return durable.WriteFile(string(f), secret) }
func (f file) String() string            { return string(f) }

// File is the stored secret of a project.
type File struct {
	store Store

	mu     sync.Mutex
	key    *Key
	fault  error   // why there is no key
	shared *Shared // nil if this folder is the only one of the project
}

// Shared is what a project knows of its secret, of which each of its folders, on any machine, has a copy.
type Shared struct {
	Check  string                   // of the key that the project uses; empty before its first use
	Record func(check string) error // records the key before its first use
	Renew  bool                     // a person asked for a new key in place of the one that is missing
}

// CopyError is the error of a folder that lacks the secret of its project.
type CopyError struct {
	Place  string
	Reason string
}

func (e *CopyError) Error() string {
	return fmt.Sprintf("%s %s: copy vault.age from the machine that has used the project before", e.Place, e.Reason)
}

// Class is Data: only a person can copy it.
func (e *CopyError) Class() failure.Class { return failure.Data }

// OpenShared reads the secret of a project that several folders use. A missing one is created by the first call of Key, unless the
// project uses one already: ids would be new with another.
func OpenShared(store Store, shared Shared) *File {
	f := &File{store: store, shared: &shared}
	f.key, f.fault = read(store)
	switch {
	case shared.Check == "":
	case f.fault == nil && f.key.check != shared.Check:
		f.fault = &CopyError{store.String(), "is not the key that the project uses"}
	case errors.Is(f.fault, errMissing):
		f.fault = &CopyError{store.String(), "is missing"}
	}
	return f
}

// Fault returns why there is no key, unless the first call of Key creates one.
func (f *File) Fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isCreatable() {
		return nil
	}
	return f.fault
}

// isCreatable reports whether the project has no key yet. f.mu is locked.
func (f *File) isCreatable() bool {
	return f.shared != nil && f.shared.Check == "" && errors.Is(f.fault, errMissing)
}

// Open reads the secret. A missing or damaged secret is replaced, unless indexes depend on it; then Key returns the fault, so that the
// rest of the project can be used meanwhile.
func Open(store Store, depended bool) (*File, error) {
	f := &File{store: store}
	if f.key, f.fault = read(store); f.fault == nil || depended {
		return f, nil
	}
	_, err := f.Renew()
	return f, err
}

// Key returns the project's key.
func (f *File) Key() (*Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isCreatable() {
		return f.renew()
	}
	if f.fault != nil {
		return nil, f.fault
	}
	return f.key, f.record()
}

// record records the key of a shared project before its first use. f.mu is locked.
func (f *File) record() error {
	if f.shared == nil || f.shared.Check == f.key.check {
		return nil
	}
	if err := f.shared.Record(f.key.check); err != nil {
		return fmt.Errorf("record the identity key: %w", err)
	}
	f.shared.Check = f.key.check
	return nil
}

// Verify compares the stored secret with the key that was made of it.
func (f *File) Verify() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isCreatable() {
		return nil
	}
	if f.fault != nil {
		return f.fault
	}
	now, err := read(f.store)
	if err == nil && now.check != f.key.check {
		err = fmt.Errorf("%s changed since the project was opened", f.store)
	}
	return err
}

// Renew is Key, with a new secret if the old one is missing or damaged; that of a shared project must be asked for. Whatever depends on
// the old one must be rebuilt.
func (f *File) Renew() (*Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.fault == nil:
		return f.key, f.record()
	case f.shared != nil && !f.shared.Renew && !f.isCreatable():
		return nil, f.fault
	}
	return f.renew()
}

// renew replaces the secret. f.mu is locked.
func (f *File) renew() (*Key, error) {
	if f.key != nil { // of another project, or newer than the catalog
		f.fault = nil
		return f.key, f.record()
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	if err := f.store.Write(secret); err != nil {
		return nil, fmt.Errorf("write identity key: %w", err)
	}
	if f.key, f.fault = newKey(secret); f.fault != nil {
		return nil, f.fault
	}
	return f.key, f.record()
}

var errMissing = failure.Wrap(failure.Data, errors.New("missing"))

func read(store Store) (*Key, error) {
	secret, err := store.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is %w", store, errMissing)
	case err != nil:
		return nil, fmt.Errorf("read identity key: %w", err)
	case len(secret) != secretSize:
		return nil, fmt.Errorf("%s has %d bytes, want %d", store, len(secret), secretSize)
	}
	return newKey(secret)
}
