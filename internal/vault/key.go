// The keys of a vault: age identities in an environment variable, or in a file that only its owner may read.

package vault

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"bursar/internal/durable"

	"filippo.io/age"
)

const (
	keyVariable     = "BURSAR_VAULT_KEY"      // the key itself
	keyFileVariable = "BURSAR_VAULT_KEY_FILE" // the path of the key file
	// maxKeyFile is the size of a key file, in bytes. Each rotation adds about 200.
	maxKeyFile = 64 << 10
)

// keySource is where the keys of a vault are: in a file, or in a variable.
type keySource struct {
	file  string // empty: the variable
	text  string // of the variable
	isNew bool   // the file must not exist
}

// keySource returns where the environment says that the keys are.
func (v *Vault) keySource() (keySource, error) {
	text, _ := v.env.Lookup(keyVariable)
	file, _ := v.env.Lookup(keyFileVariable)
	if text != "" && file != "" {
		return keySource{}, setupErrorf("both %s and %s are set: unset one of them", keyVariable, keyFileVariable)
	}
	if text != "" {
		return keySource{text: text}, nil
	}
	if file = cmp.Or(file, v.env.KeyFile); file == "" {
		return keySource{}, setupErrorf("the vault has no key: set %s, or %s to the path of a key file", keyVariable, keyFileVariable)
	}
	path, err := v.outsideProject(file)
	return keySource{file: path}, err
}

// newKeyFile returns a file for a new key.
func (v *Vault) newKeyFile(file string) (keySource, error) {
	path, err := v.outsideProject(file)
	return keySource{file: path, isNew: true}, err
}

// outsideProject returns the absolute path of a key file without links. A key in the project folder is refused, because it would be
// copied and committed with the vault.
func (v *Vault) outsideProject(file string) (string, error) {
	path, err := resolveLinks(file)
	if err != nil {
		return "", err
	}
	project, err := resolveLinks(v.project)
	if err != nil {
		return "", err
	}
	if inside, err := filepath.Rel(project, path); err == nil && filepath.IsLocal(inside) {
		return "", setupErrorf("the key file %s is in the project folder, where it would be copied and committed with the vault: move it elsewhere", path)
	}
	return path, nil
}

// resolveLinks resolves the links of the part of a path that exists.
func resolveLinks(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		parent, err := resolveLinks(filepath.Dir(path))
		return filepath.Join(parent, filepath.Base(path)), err
	}
	return resolved, err
}

// read returns all keys, the newest first. It returns a *missingKeyError if the file does not exist.
func (k keySource) read() ([]*age.X25519Identity, error) {
	if k.file == "" {
		return parseKeys([]byte(k.text), keyVariable)
	}
	info, err := os.Stat(k.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &missingKeyError{setupError{fmt.Sprintf("the key of the vault is missing: copy the key file to %s, or set %s, or set %s to its path; %s",
			k.file, keyVariable, keyFileVariable, LostKey)}}
	}
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, setupErrorf("others may read the key file %s, whose mode is %04o: run chmod 600 %s", k.file, mode, k.file)
	}
	text, err := readBounded(k.file, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return parseKeys(text, k.file)
}

// LostKey is the next step when no copy of the key exists any more.
const LostKey = "if no copy of the key exists, delete vault.age, run `bursar vault init` and set the secrets again"

// missingKeyError is returned for a key file that does not exist.
type missingKeyError struct{ setupError }

// parseKeys parses the lines of a key file. Its errors contain nothing of them.
func parseKeys(text []byte, place string) (keys []*age.X25519Identity, err error) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, err := age.ParseX25519Identity(string(line))
		if err != nil {
			return nil, setupErrorf("%s: line %d is not a key: want AGE-SECRET-KEY-1…", place, number)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, setupErrorf("%s contains no key: want a line AGE-SECRET-KEY-1…", place)
	}
	return keys, nil
}

// explain adds to errWrongKey which keys were tried.
func (k keySource) explain(err error) error {
	if !errors.Is(err, errWrongKey) {
		return err
	}
	place := keyVariable
	if k.file != "" {
		place = k.file
	}
	return setupErrorf("no key of %s opens the vault: it was created or rotated elsewhere; copy the newest key from there; %s", place, LostKey)
}

// addKey generates a key and makes it durable in the key file, before those that are there.
func (k keySource) addKey(ctx context.Context) (*age.X25519Identity, error) {
	// The parent of a folder that exists may not be readable.
	if _, err := os.Stat(filepath.Dir(k.file)); errors.Is(err, fs.ErrNotExist) {
		if err := durable.MakeFolder(filepath.Dir(k.file)); err != nil {
			return nil, err
		}
	}
	// Vaults of several projects may use the same key file.
	unlock, err := lockFile(ctx, k.file+".lock")
	if err != nil {
		return nil, err
	}
	defer unlock()
	old, err := k.oldKeys()
	defer clear(old)
	if err != nil {
		return nil, err
	}
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "# Key of a Bursar vault, created %s. Keep it secret, and keep a copy.\n%s\n", time.Now().UTC().Format(time.RFC3339), key)
	text.Write(old)
	defer clear(text.Bytes())
	if text.Len() > maxKeyFile {
		return nil, setupErrorf("the key file %s would have more than %d bytes: remove its oldest keys", k.file, maxKeyFile)
	}
	return key, durable.WriteFile(k.file, text.Bytes())
}

// oldKeys returns the text of the key file, or nil if it does not exist.
func (k keySource) oldKeys() ([]byte, error) {
	_, err := os.Lstat(k.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case k.isNew:
		return nil, setupErrorf("the file %s exists: name a new one for the new key", k.file)
	}
	if _, err := k.read(); err != nil { // its mode, too
		return nil, err
	}
	return readBounded(k.file, maxKeyFile)
}
