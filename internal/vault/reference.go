// References to secrets: a text value of the project folder may be env:NAME or vault:NAME.

package vault

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"bursar/internal/failure"
)

const (
	envPrefix   = "env:"
	vaultPrefix = "vault:"
)

var variables = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)

// CheckReference checks the form of a reference; another text is valid. It does not check that what it refers to exists: that may be
// on other machines only. Its error does not contain the text, which may be a secret in the wrong place.
func CheckReference(text string) error {
	if name, ok := strings.CutPrefix(text, envPrefix); ok && !variables.MatchString(name) {
		return dataErrorf("what follows %s must be the name of an environment variable", envPrefix)
	}
	if name, ok := strings.CutPrefix(text, vaultPrefix); ok && CheckName(name) != nil {
		return dataErrorf("what follows %s must be the name of a secret: a to z, 0 to 9 and _, beginning with a letter", vaultPrefix)
	}
	return nil
}

// References resolves references of a project folder when their values are used.
type References struct {
	vault *Vault
	env   Environment
}

// NewReferences returns the references of the project in a folder.
func NewReferences(project string, env Environment) *References {
	return &References{New(project, env), env}
}

// Resolve returns the value of a text: what a reference refers to, and any other text itself. File, line and key say where the text is
// written, for the *ReferenceError of a value that is missing: ("bursar.yaml", 4, "catalog.url", "env:BURSAR_CATALOG_URL"). The file is
// empty for an argument. The result is a Secret also for other texts, as a URL may contain a password.
func (r *References) Resolve(file string, line int, key, text string) (Secret, error) {
	secret, err := r.resolve(text)
	if err != nil {
		return Secret{}, &ReferenceError{File: file, Line: line, Key: key, Cause: err}
	}
	return secret, nil
}

// Decrypt returns what Vault.Encrypt was given.
func (r *References) Decrypt(text string) (Secret, error) { return r.vault.Decrypt(text) }

func (r *References) resolve(text string) (Secret, error) {
	if err := CheckReference(text); err != nil {
		return Secret{}, err
	}
	if name, ok := strings.CutPrefix(text, envPrefix); ok {
		value, isSet := r.env.Lookup(name)
		switch {
		case !isSet:
			return Secret{}, dataErrorf("the environment variable %s is not set: set it for every process that uses it", name)
		case value == "":
			return Secret{}, dataErrorf("the environment variable %s is empty: set it for every process that uses it", name)
		}
		return NewSecret(value), nil
	}
	if name, ok := strings.CutPrefix(text, vaultPrefix); ok {
		secret, err := r.vault.Resolve(name)
		if errors.Is(err, ErrUnknown) {
			return Secret{}, &unknownError{name}
		}
		return secret, err
	}
	return NewSecret(text), nil
}

// unknownError is the ErrUnknown of a reference, which names the next step.
type unknownError struct{ name string }

func (e *unknownError) Error() string {
	return fmt.Sprintf("the vault does not contain %s: run `bursar vault set %[1]s`", e.name)
}

func (e *unknownError) Unwrap() error { return ErrUnknown }

// ReferenceError is the error of a value that cannot be resolved. It names the place of the reference, and the next step.
type ReferenceError struct {
	File  string
	Line  int
	Key   string
	Cause error
}

func (e *ReferenceError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("%s: %v", e.Key, e.Cause)
	}
	return fmt.Sprintf("%s:%d: %s: %v", e.File, e.Line, e.Key, e.Cause)
}

func (e *ReferenceError) Unwrap() error { return e.Cause }

// Class is that of the cause.
func (e *ReferenceError) Class() failure.Class { return failure.Of(e.Cause) }

// ExitCode is that of bad configuration (DESIGN §7), unless the cause may pass.
func (e *ReferenceError) ExitCode() int {
	if e.Class().Retryable() {
		return 1
	}
	return 2
}
