// Package vault keeps a project's secrets in one encrypted file, and resolves references to them. It owns the file, its key and the
// type of a secret, and guarantees that a value is printed nowhere (rule 8) and that a change is complete or absent. It must not know
// what secrets are for, and never stores or prints a value or a key in another place.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"bursar/internal/durable"
	"bursar/internal/failure"

	"filippo.io/age"
	"github.com/gofrs/flock"
)

const (
	// fileName is the vault in the project folder. It is encrypted, so it may be copied and committed with the folder.
	fileName = "vault.age"
	// lockWait is how long a change waits for another, and lockPoll how often it tries.
	lockWait = 10 * time.Second
	lockPoll = 20 * time.Millisecond
)

// Vault is the vault of a project. It is safe for concurrent use, also by several processes. Nothing is kept in memory: each call reads
// the file, so that a changed secret counts at its next use.
type Vault struct {
	project string
	env     Environment
}

// Environment is where keys and `env:` references come from.
type Environment struct {
	Lookup  func(name string) (value string, isSet bool)
	KeyFile string // the key file if no variable names another; empty if the user has no configuration folder
}

// ProcessEnvironment is the environment of this process.
func ProcessEnvironment() Environment {
	env := Environment{Lookup: os.LookupEnv}
	if dir, err := os.UserConfigDir(); err == nil {
		env.KeyFile = filepath.Join(dir, "bursar", "vault.key")
	}
	return env
}

// New returns the vault of the project in a folder. It does not read anything.
func New(project string, env Environment) *Vault { return &Vault{project, env} }

// Entry describes a secret, without its value.
type Entry struct {
	Name string    `json:"name"`
	Set  time.Time `json:"set"`
}

// Keys describes where a vault and the key that opens it are.
type Keys struct {
	Vault   string `json:"vault"`
	KeyFile string `json:"key_file,omitempty"` // empty if the key is in an environment variable
	Created bool   `json:"key_created"`        // a key was generated and written to KeyFile
}

var (
	// ErrExists is returned by Init, wrapped, if the project has a vault.
	ErrExists = failure.Wrap(failure.Data, errors.New("the project has a vault"))
	// ErrUnknown is returned, wrapped, for a name that the vault does not contain.
	ErrUnknown = failure.Wrap(failure.Data, errors.New("the vault does not contain it"))
	// ErrNoVault is returned, wrapped, if the project has no vault.
	ErrNoVault error = &setupError{"the project has no vault: create it with `bursar vault init`"}
)

// setupError is an error that a person corrects in the configuration: a missing vault, or a wrong key.
type setupError struct{ text string }

func setupErrorf(format string, args ...any) error { return &setupError{fmt.Sprintf(format, args...)} }

func (e *setupError) Error() string { return e.text }

// Class is Data: a retry does not help.
func (e *setupError) Class() failure.Class { return failure.Data }

// ExitCode is that of bad configuration (DESIGN §7).
func (e *setupError) ExitCode() int { return 2 }

// Init creates an empty vault. If no key exists, it generates one and writes it to the key file.
func (v *Vault) Init(ctx context.Context) (made Keys, err error) {
	defer wrap(&err, "create vault")
	unlock, err := v.lock(ctx)
	if err != nil {
		return Keys{}, err
	}
	defer unlock()
	if _, err := os.Lstat(v.path()); err == nil {
		return Keys{}, ErrExists
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Keys{}, err
	}
	source, err := v.keySource()
	if err != nil {
		return Keys{}, err
	}
	keys, err := source.read()
	made = Keys{Vault: v.path(), KeyFile: source.file}
	var missing *missingKeyError
	if errors.As(err, &missing) {
		made.Created = true
		var key *age.X25519Identity
		if key, err = source.addKey(ctx); err == nil {
			keys = []*age.X25519Identity{key}
		}
	}
	if err != nil {
		return Keys{}, err
	}
	return made, v.write(&contents{}, keys[0])
}

// Set adds a secret or replaces it, and reports whether it is new. The value is not kept.
func (v *Vault) Set(ctx context.Context, name string, value []byte) (set Entry, isNew bool, err error) {
	defer wrap(&err, "set "+secretNamed(name))
	if err := cmp.Or(CheckName(name), checkValue(value)); err != nil {
		return Entry{}, false, err
	}
	set = Entry{Name: name, Set: time.Now().UTC().Truncate(time.Second)}
	err = v.change(ctx, func(c *contents) error {
		at, found := c.find(name)
		if isNew = !found; isNew {
			c.Secrets = slices.Insert(c.Secrets, at, stored{})
		}
		c.Secrets[at] = stored{Entry: set, Value: slices.Clone(value)}
		return nil
	})
	return set, isNew, err
}

// List returns all secrets by name, without their values.
func (v *Vault) List() (list []Entry, err error) {
	defer wrap(&err, "list secrets")
	c, _, err := v.read()
	if err != nil {
		return nil, err
	}
	defer c.clear()
	list = []Entry{} // also as JSON
	for _, s := range c.Secrets {
		list = append(list, s.Entry)
	}
	return list, nil
}

// Remove removes a secret. It returns ErrUnknown, wrapped, if the vault does not contain it.
func (v *Vault) Remove(ctx context.Context, name string) (err error) {
	defer wrap(&err, "remove "+secretNamed(name))
	return v.change(ctx, func(c *contents) error {
		at, found := c.find(name)
		if !found {
			return ErrUnknown
		}
		clear(c.Secrets[at].Value)
		c.Secrets = slices.Delete(c.Secrets, at, at+1)
		return nil
	})
}

// Resolve returns a secret. It returns ErrUnknown, wrapped, if the vault does not contain it.
func (v *Vault) Resolve(name string) (secret Secret, err error) {
	defer wrap(&err, "read "+secretNamed(name))
	if err := CheckName(name); err != nil {
		return Secret{}, err
	}
	c, _, err := v.read()
	if err != nil {
		return Secret{}, err
	}
	defer c.clear()
	at, found := c.find(name)
	if !found {
		return Secret{}, ErrUnknown
	}
	return NewSecret(string(c.Secrets[at].Value)), nil
}

// Rotate encrypts the vault with a new key. The old key does not open it any more, but stays in the key file, for older copies of the
// vault. The new key is added to the key file, or is written to newKeyFile, which must not exist. It is durable there before the vault
// is replaced, so that after a crash the key file opens the vault, whichever of both keys it has.
func (v *Vault) Rotate(ctx context.Context, newKeyFile string) (made Keys, err error) {
	defer wrap(&err, "rotate the vault's key")
	unlock, err := v.lock(ctx)
	if err != nil {
		return Keys{}, err
	}
	defer unlock()
	c, _, err := v.read()
	if err != nil {
		return Keys{}, err
	}
	defer c.clear()
	target, err := v.keySource()
	if err == nil && newKeyFile != "" {
		target, err = v.newKeyFile(newKeyFile)
	}
	if err != nil {
		return Keys{}, err
	}
	if target.file == "" {
		return Keys{}, setupErrorf("the key is in the variable %s, which Bursar cannot change: name a file for the new key with --key-file", keyVariable)
	}
	key, err := target.addKey(ctx)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return Keys{}, setupErrorf("the key file cannot be changed: name another file for the new key with --key-file: %v", err)
	}
	if err != nil {
		return Keys{}, err
	}
	return Keys{Vault: v.path(), KeyFile: target.file, Created: true}, v.write(c, key)
}

// change reads the vault, changes it and writes it again for the key that opens it.
func (v *Vault) change(ctx context.Context, change func(c *contents) error) error {
	unlock, err := v.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	c, key, err := v.read()
	if err != nil {
		return err
	}
	defer c.clear()
	if err := change(c); err != nil {
		return err
	}
	return v.write(c, key)
}

func (v *Vault) path() string { return filepath.Join(v.project, fileName) }

// lock keeps other processes from changing the vault. Its file is part of the project's state, so that it is not committed.
func (v *Vault) lock(ctx context.Context) (unlock func(), err error) {
	state := filepath.Join(v.project, ".bursar")
	if err := durable.MakeFolder(state); err != nil {
		return nil, err
	}
	return lockFile(ctx, filepath.Join(state, "vault.lock"))
}

func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	waitCtx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(waitCtx, lockPoll); err != nil {
		_ = lock.Close() // nothing was written
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = failure.Wrap(failure.Transient, fmt.Errorf("another process has locked %s for %s; try again when it has ended", path, lockWait))
		}
		return nil, err
	}
	return func() { _ = lock.Close() }, nil
}

// wrap adds to an error what was done.
func wrap(err *error, what string) {
	if *err != nil {
		*err = fmt.Errorf("%s: %w", what, *err)
	}
}
