// Exchanges a setup token for an access URL.

package simplefin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

// Claim exchanges a setup token for an access URL, which works once: the result must be stored before anything else is done. A token that was used
// before is a *connector.CredentialsError. The request is not repeated after an error, because the first one may have used the token.
func Claim(ctx context.Context, client *http.Client, setupToken vault.Secret) (accessURL vault.Secret, err error) {
	address, err := decodeToken(setupToken.Reveal())
	if err != nil {
		return vault.Secret{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), http.NoBody)
	if err != nil {
		return vault.Secret{}, errToken
	}
	requester := web.Requester{Client: client, Secrets: []vault.Secret{setupToken, vault.NewSecret(address.String()), vault.NewSecret(address.Path)}}
	answer, err := requester.Send(r)
	if err != nil {
		return vault.Secret{}, err
	}
	if answer.Status == http.StatusForbidden {
		return vault.Secret{}, &connector.CredentialsError{
			Reason: "the setup token is not valid or was used before; if not by you, disable it where it was made, since somebody else may read the accounts",
		}
	}
	if err := answer.Check(); err != nil {
		return vault.Secret{}, err
	}
	text := strings.TrimSpace(string(answer.Body))
	if _, err := parseAccessURL(text); err != nil {
		return vault.Secret{}, failure.Wrap(failure.Data, fmt.Errorf("claim %s: the answer is not an access URL", address.Host)) // which is a secret
	}
	return vault.NewSecret(text), nil
}

var errToken = failure.Wrap(failure.Data, errors.New("claim an access URL: the setup token is not valid; copy it again, as a whole"))

// decodeToken returns the address at which a setup token is exchanged.
func decodeToken(token string) (*url.URL, error) {
	token = strings.TrimRight(strings.Join(strings.Fields(token), ""), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(token)
	if err != nil {
		decoded, err = base64.RawURLEncoding.DecodeString(token)
	}
	if err != nil {
		return nil, errToken
	}
	address, err := url.Parse(strings.TrimSpace(string(decoded)))
	if err != nil || address.Scheme != "https" || address.Host == "" {
		return nil, errToken
	}
	return address, nil
}
