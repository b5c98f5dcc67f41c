// How other processes of the same user find a running server: its address, its process and its token, in files of the
// project's state folder. The socket for commands lies beside them.

package serve

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/object"
)

const (
	endpointFile = "api.json"
	tokenFile    = "token"
	tokenBytes   = 32
)

// TokenFile is where the token of the project whose state is in the folder lies.
func TokenFile(state string) string { return filepath.Join(state, tokenFile) }

// Token reads the project's token; the first call makes it. Only the owner may read its file (rule 8).
func Token(state string) (string, error) {
	text, err := os.ReadFile(TokenFile(state))
	if token := strings.TrimSpace(string(text)); err == nil && token != "" {
		return token, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read API token: %w", err)
	}
	secret := make([]byte, tokenBytes)
	_, _ = rand.Read(secret) // it never fails
	token := hex.EncodeToString(secret)
	if err := object.WriteFile(TokenFile(state), []byte(token+"\n")); err != nil {
		return "", fmt.Errorf("write API token: %w", err)
	}
	return token, nil
}

// Endpoint says where a project is served, and by whom.
type Endpoint struct {
	Address string `json:"address"` // of the HTTP API, host:port
	Process int    `json:"process"`
}

// Announce tells other processes where the project is served, until the returned function is called.
func Announce(state string, c Endpoint) (withdraw func() error, err error) {
	text, err := json.Marshal(c)
	if err == nil {
		err = object.WriteFile(filepath.Join(state, endpointFile), append(text, '\n'))
	}
	if err != nil {
		return nil, fmt.Errorf("announce API: %w", err)
	}
	return func() error {
		if err := os.Remove(filepath.Join(state, endpointFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("withdraw API: %w", err)
		}
		return nil
	}, nil
}

// readEndpoint reads what was announced; ok is false while there is nothing, or only what a dead process left.
func readEndpoint(state string, process int) (c Endpoint, ok bool) {
	text, err := os.ReadFile(filepath.Join(state, endpointFile))
	if err != nil || json.Unmarshal(text, &c) != nil {
		return Endpoint{}, false
	}
	return c, c.Process == process
}
