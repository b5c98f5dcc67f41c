// The encrypted file of a vault: an age file in its text form, which the age command opens as well.

package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"bursar/internal/durable"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// errDamaged is returned for a file that the key opens but that is not a vault, and for one that no key opens because it is cut.
var errDamaged error = &setupError{"vault.age is damaged: restore it from a copy of the project folder"}

// read decrypts the vault, and returns the key that opened it. The caller clears the contents.
func (v *Vault) read() (*contents, *age.X25519Identity, error) {
	encrypted, err := readBounded(v.path(), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, ErrNoVault
	}
	if err != nil {
		return nil, nil, err
	}
	source, err := v.keySource()
	if err != nil {
		return nil, nil, err
	}
	keys, err := source.read()
	if err != nil {
		return nil, nil, err
	}
	text, key, err := decrypt(encrypted, keys)
	if err != nil {
		return nil, nil, source.explain(err)
	}
	defer clear(text)
	c, err := parseContents(text)
	return c, key, err
}

// write encrypts the vault for a key and replaces the file atomically.
func (v *Vault) write(c *contents, key *age.X25519Identity) error {
	text, err := c.encode()
	if err != nil {
		return fmt.Errorf("encode vault: %w", err)
	}
	defer clear(text)
	encrypted, err := encrypt(text, key.Recipient())
	if err != nil {
		return fmt.Errorf("encrypt vault: %w", err)
	}
	if len(encrypted) > maxFile {
		return dataErrorf("the vault would have more than %d bytes: remove secrets that are not used", maxFile)
	}
	// The old file is replaced only by one that can be read.
	again, _, err := decrypt(encrypted, []*age.X25519Identity{key})
	defer clear(again)
	if err != nil || !bytes.Equal(again, text) {
		return errors.New("encrypt vault: the result does not decrypt to what was encrypted")
	}
	return durable.WriteFile(v.path(), encrypted)
}

func encrypt(text []byte, recipient age.Recipient) ([]byte, error) {
	var encrypted bytes.Buffer
	lines := armor.NewWriter(&encrypted)
	w, err := age.Encrypt(lines, recipient)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = errors.Join(w.Close(), lines.Close())
	}
	return encrypted.Bytes(), err
}

var errWrongKey = errors.New("no key opens the vault")

// decrypt opens a file with the first key that fits. The causes of errors are left out, because they may quote the file.
func decrypt(encrypted []byte, keys []*age.X25519Identity) ([]byte, *age.X25519Identity, error) {
	for _, key := range keys {
		r, err := age.Decrypt(armor.NewReader(bytes.NewReader(encrypted)), key)
		var other *age.NoIdentityMatchError
		if errors.As(err, &other) {
			continue
		}
		if err != nil {
			return nil, nil, errDamaged
		}
		text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
		if err != nil || len(text) > maxFile {
			clear(text)
			return nil, nil, errDamaged
		}
		return text, key, nil
	}
	return nil, nil, errWrongKey
}

// readBounded reads a regular file of limited size.
func readBounded(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path) // opening a pipe would wait for ever
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, setupErrorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(text)) > most {
		clear(text)
		return nil, setupErrorf("%s has more than %d bytes", path, most)
	}
	return text, err
}
