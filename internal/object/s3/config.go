// Where the objects are, and the checks of these settings.

package s3

import (
	"fmt"
	"net/url"
	"strings"

	"bursar/internal/failure"
)

// Config says where the objects are. Without Credentials the SDK looks for them in its usual places: the environment, the shared
// configuration files, a web identity, the role of the container or instance.
type Config struct {
	Bucket    string
	Prefix    string // of all keys; a slash is added to its end
	Region    string // empty: from the environment or the shared configuration
	Endpoint  string // a URL; empty: Amazon's endpoint of the region
	PathStyle bool   // the bucket is in the path of a URL, not in its host name

	Credentials *Credentials

	Place  string   // how errors name the bucket and where it is; empty: by their names
	Hidden []string // texts that errors do not contain, because they came from the vault or the environment
}

// Credentials are an explicit access key.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
}

// String hides the key (rule 8).
func (Credentials) String() string { return "credentials" }

// GoString hides the key (rule 8).
func (Credentials) GoString() string { return "credentials" }

// check returns the configuration in its normal form.
func (c Config) check() (Config, error) {
	if c.Bucket == "" || strings.ContainsAny(c.Bucket, "/?# ") && !strings.HasPrefix(c.Bucket, "arn:") { // of an access point
		return c, invalid("the bucket's name is not valid: want 3 to 63 of a to z, 0 to 9, - and ., or the ARN of an access point; set storage.bucket in bursar.yaml")
	}
	if c.Prefix != "" {
		c.Prefix = strings.TrimSuffix(c.Prefix, "/") + "/"
		if strings.HasPrefix(c.Prefix, "/") || strings.Contains(c.Prefix, "//") || len(c.Prefix) > maxKey/2 {
			return c, invalid("prefix %q is not valid: want elements between slashes, such as bursar/; correct storage.prefix in bursar.yaml", c.Prefix)
		}
	}
	if c.Endpoint == "" {
		return c, nil
	}
	at, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https":
		// The text is not repeated: it may contain a password.
		return c, invalid("the endpoint is not a URL such as https://host:9000; correct storage.endpoint in bursar.yaml")
	case at.User != nil:
		return c, invalid("the endpoint contains credentials; remove them from storage.endpoint in bursar.yaml and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	return c, nil
}

func invalid(format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf("open object store: "+format, args...))
}
