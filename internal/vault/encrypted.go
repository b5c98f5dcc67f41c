// Texts that are encrypted for the vault's key, to be kept where other processes of the project find them.

package vault

import "errors"

// maxEncrypted bounds an encrypted text, in bytes.
const maxEncrypted = 64 << 10

// Encrypt encrypts a value for the vault's key: only a process that has the key can read the text.
func (v *Vault) Encrypt(value Secret) (string, error) {
	if err := checkValue([]byte(value.Reveal())); err != nil {
		return "", err
	}
	c, key, err := v.read()
	if err != nil {
		return "", err
	}
	c.clear()
	text, err := encrypt([]byte(value.Reveal()), key.Recipient())
	return string(text), err
}

// Decrypt returns what Encrypt was given.
func (v *Vault) Decrypt(text string) (Secret, error) {
	if len(text) > maxEncrypted {
		return Secret{}, errors.New("an encrypted text is too long")
	}
	source, err := v.keySource()
	if err != nil {
		return Secret{}, err
	}
	keys, err := source.read()
	if err != nil {
		return Secret{}, err
	}
	value, _, err := decrypt([]byte(text), keys)
	if errors.Is(err, errWrongKey) {
		return Secret{}, dataErrorf("a text was encrypted for another key of the vault")
	}
	if err != nil {
		return Secret{}, errors.New("an encrypted text is damaged")
	}
	return NewSecret(string(value)), nil
}
