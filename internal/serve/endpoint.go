// The files of the state folder by which other processes of the same user find a running server: its address, process id
// and token.

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

	"bursar/internal/durable"
)

const (
	endpointFile = "api.json"
	tokenFile    = "token"
	tokenBytes   = 32
)

// TokenFile returns the path of the token of the project with this state folder.
func TokenFile(state string) string { return filepath.Join(state, tokenFile) }

// Token returns the project's token, which the first call creates. Only the owner may read its file (rule 8).
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
	if err := durable.WriteFile(TokenFile(state), []byte(token+"\n")); err != nil {
		return "", fmt.Errorf("write API token: %w", err)
	}
	return token, nil
}

// Endpoint is the address at which a project is served, and the process that serves it.
type Endpoint struct {
	Address string `json:"address"` // of the HTTP API, host:port
	Process int    `json:"process"`
}

// Announce writes the endpoint for other processes. withdraw removes it.
func Announce(state string, c Endpoint) (withdraw func() error, err error) {
	text, err := json.Marshal(c)
	if err == nil {
		err = durable.WriteFile(filepath.Join(state, endpointFile), append(text, '\n'))
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

// readEndpoint reads what the process has announced. ok is false if it has announced nothing.
func readEndpoint(state string, process int) (c Endpoint, ok bool) {
	text, err := os.ReadFile(filepath.Join(state, endpointFile))
	if err != nil || json.Unmarshal(text, &c) != nil {
		return Endpoint{}, false
	}
	return c, c.Process == process
}
