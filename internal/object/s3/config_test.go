// Tests of the configuration and of credentials.

package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"bursar/internal/failure"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{Bucket: "bucket", Prefix: "p", Region: "r", Endpoint: "https://host:9000"}
	if checked, err := good.check(); err != nil || checked.Prefix != "p/" {
		t.Errorf("%+v, %v", checked, err)
	}
	for text, change := range map[string]func(*Config){
		"storage.bucket":           func(c *Config) { c.Bucket = "" },
		"3 to 63 of a to z":        func(c *Config) { c.Bucket = "a/b" },
		`prefix "/p/"`:             func(c *Config) { c.Prefix = "/p" },
		`prefix "p//q/"`:           func(c *Config) { c.Prefix = "p//q" },
		"is not a URL":             func(c *Config) { c.Endpoint = "host:9000" },
		"contains credentials":     func(c *Config) { c.Endpoint = "https://user:" + secret + "@host" },
		"is not a URL such":        func(c *Config) { c.Endpoint = "https://user:" + secret + "@host:port" },
		"correct storage.endpoint": func(c *Config) { c.Endpoint = "ftp://host" },
	} {
		bad := good
		change(&bad)
		_, err := newStore(t.Context(), bad, fast)
		checkError(t, text, err, failure.Data, nil, text)
	}
	withKey := serverConfig("https://host")
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format+format, withKey, *withKey.Credentials); strings.Contains(text, secret) {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// TestHidden looks up a host that came from the environment.
func TestHidden(t *testing.T) {
	t.Parallel()
	config := serverConfig("https://private.invalid:9000")
	config.Place, config.Hidden = "bucket env:BUCKET at env:ENDPOINT", []string{config.Endpoint, "private.invalid", config.Bucket + "-name"}
	s, err := newStore(t.Context(), config, fast)
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range calls {
		err := call(s)
		checkError(t, name, err, failure.Transient, nil, "bucket env:BUCKET at env:ENDPOINT: ")
		if strings.Contains(fmt.Sprint(err), "private") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// noCredentials finds none.
type noCredentials struct{}

func (noCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, fmt.Errorf("read token: %w", fs.ErrNotExist)
}

// TestNoCredentials has no credentials because a file is missing, which must not look like a missing object.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	s, err := newStore(t.Context(), serverConfig("http://127.0.0.1:1"), fast)
	if err != nil {
		t.Fatal(err)
	}
	options := s.client.Options()
	for class, credentials := range map[failure.Class]*markedCredentials{
		failure.Data: {CredentialsProvider: noCredentials{}}, failure.Transient: {CredentialsProvider: noCredentials{}}, // which cannot be renewed
	} {
		credentials.found.Store(class == failure.Transient)
		options.Credentials = credentials
		s.client = awss3.New(options)
		for name, call := range calls {
			err := call(s)
			checkError(t, name, err, class, nil, "no valid credentials were found; set AWS_ACCESS_KEY_ID")
			if errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v looks like a missing object", name, err)
			}
		}
	}
}
