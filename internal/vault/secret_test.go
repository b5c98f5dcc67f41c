// Tests that no printer prints a secret.

package vault_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"bursar/internal/vault"

	"go.yaml.in/yaml/v3"
)

func TestSecretPrintsNothing(t *testing.T) {
	t.Parallel()
	const value = "hunter2"
	secret := vault.NewSecret(value)
	type config struct {
		URL    vault.Secret
		secret vault.Secret
		list   []vault.Secret
		Shared *vault.Secret
	}
	c := config{secret, secret, []vault.Secret{secret}, &secret}
	_ = reflect.DeepEqual(c.secret, c.list[0])
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%10s"} {
		for _, v := range []any{secret, &secret, c, &c, map[string]any{"a": c}, []any{secret}, errors.Join(fmt.Errorf("at %v", secret))} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
	}
	if got := fmt.Sprintf("%s %v %#v %d", secret, secret, secret, secret); got != strings.Repeat("[secret] ", 3)+"[secret]" {
		t.Errorf("printed %q", got)
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("opened", "url", secret, "config", c, "pointer", &secret)
	}
	inJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	inYAML, err := yaml.Marshal(map[string]any{"url": secret, "pointer": &secret})
	if err != nil {
		t.Fatal(err)
	}
	printed = append(printed, log.String(), string(inJSON), string(inYAML))
	for _, text := range printed {
		if strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) || strings.Contains(text, fmt.Sprintf("%d", []byte(value))) {
			t.Errorf("%s shows the value", text)
		}
	}
	if string(inJSON) != `{"URL":"[secret]","Shared":"[secret]"}` || secret.Reveal() != value || (vault.Secret{}).Reveal() != "" {
		t.Errorf("JSON is %s, the value %q", inJSON, secret.Reveal())
	}
}
