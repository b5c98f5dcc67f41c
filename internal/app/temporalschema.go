// The databases of a Temporal server that the operator runs: creates and updates their tables.

package app

import (
	"context"
	"errors"
	"net/url"

	"bursar/internal/failure"
	"bursar/internal/temporal/schema"
	"bursar/internal/vault"
)

// TemporalVersion is the version of the Temporal server whose tables are known.
const TemporalVersion = schema.ServerVersion

// TemporalDatabases are the URLs of both databases of a Temporal server, or references to them.
type TemporalDatabases struct{ URL, VisibilityURL string }

// SchemaChange is what was done with one database.
type SchemaChange = schema.Change

// UpdateTemporalSchema brings both databases to the newest version that is known. References are those of the project folder dir, which
// need not exist otherwise. With dryRun it changes nothing.
func UpdateTemporalSchema(ctx context.Context, dir string, d TemporalDatabases, dryRun bool) (changes []SchemaChange, err error) {
	references := vault.NewReferences(dir, vault.ProcessEnvironment())
	for _, one := range []struct {
		kind       schema.Database
		flag, text string
	}{{schema.Temporal, "--url", d.URL}, {schema.Visibility, "--visibility-url", d.VisibilityURL}} {
		if u, err := url.Parse(one.text); err == nil && u.User != nil {
			if _, isSet := u.User.Password(); isSet {
				return changes, failure.Wrap(failure.Data, errors.New(one.flag+" contains a password, which other users can read: write env:NAME or vault:NAME instead, or set PGPASSWORD"))
			}
		}
		location, err := references.Resolve("", 0, one.flag, one.text)
		if err != nil {
			return changes, err
		}
		change, err := schema.Update(ctx, location.Reveal(), one.kind, dryRun)
		if err != nil {
			return changes, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}
