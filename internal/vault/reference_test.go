// Tests of references to environment variables and secrets.

package vault

import (
	"errors"
	"strings"
	"testing"
)

func TestReferences(t *testing.T) {
	t.Parallel()
	p := initialized(t)
	p.set(t, "catalog_url", "postgres://bursar:hunter2@db/bursar")
	p.variables["BURSAR_URL"] = "from the environment"
	p.variables["EMPTY"] = ""
	r := NewReferences(p.project, p.environment())
	for text, want := range map[string]string{
		"vault:catalog_url": "postgres://bursar:hunter2@db/bursar", "env:BURSAR_URL": "from the environment",
		"": "", "postgres://plain": "postgres://plain", "environment": "environment", "Env:X": "Env:X",
	} {
		got, err := r.Resolve("bursar.yaml", 4, "catalog.url", text)
		if err != nil || got.Reveal() != want || got.String() != "[secret]" {
			t.Errorf("%q is %q, %v, want %q", text, got.Reveal(), err, want)
		}
		if err := CheckReference(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"env:NOT_SET":    "bursar.yaml:4: catalog.url: the environment variable NOT_SET is not set",
		"env:EMPTY":      "bursar.yaml:4: catalog.url: the environment variable EMPTY is empty",
		"vault:password": "bursar.yaml:4: catalog.url: the vault does not contain password: run `bursar vault set password`",
		"vault:hunter2!": "bursar.yaml:4: catalog.url: what follows vault: must be the name of a secret",
		"env:hunter2!":   "bursar.yaml:4: catalog.url: what follows env: must be the name of an environment variable",
		"vault:":         "what follows vault:", "env:": "what follows env:", "env: X": "what follows env:",
	} {
		_, err := r.Resolve("bursar.yaml", 4, "catalog.url", text)
		wantError(t, err, 2, want)
		var at *ReferenceError
		if !errors.As(err, &at) || at.File != "bursar.yaml" || at.Line != 4 || at.Key != "catalog.url" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v does not name its place, or shows the text", err)
		}
	}
	_, err := r.Resolve("bursar.yaml", 4, "catalog.url", "vault:password")
	if strings.Count(err.Error(), "does not contain") != 1 || !errors.Is(err, ErrUnknown) {
		t.Errorf("a secret that is missing: %v", err)
	}
	// A value that changes counts at its next use.
	p.set(t, "catalog_url", "changed")
	if got, err := r.Resolve("bursar.yaml", 4, "catalog.url", "vault:catalog_url"); err != nil || got.Reveal() != "changed" {
		t.Errorf("after a change: %q, %v", got.Reveal(), err)
	}
	empty := newPlace(t)
	_, err = NewReferences(empty.project, empty.environment()).Resolve("bursar.yaml", 9, "index.url", "vault:a")
	wantError(t, err, 2, "bursar.yaml:9: index.url: ", "create it with `bursar vault init`")
}
