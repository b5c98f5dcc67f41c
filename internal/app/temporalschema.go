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
	locations, err := d.resolve(dir)
	if err != nil {
		return nil, err
	}
	if schema.AreSame(locations[0], locations[1]) {
		return nil, failure.Wrap(failure.Data, errors.New("--url and --visibility-url are of the same database: create another one, as the server needs two"))
	}
	for i, kind := range []schema.Database{schema.Temporal, schema.Visibility} {
		change, err := schema.Update(ctx, locations[i], kind, dryRun)
		if err != nil {
			return changes, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// resolve returns both URLs.
func (d TemporalDatabases) resolve(dir string) (locations [2]string, err error) {
	references := vault.NewReferences(dir, vault.ProcessEnvironment())
	for i, one := range [...]struct{ flag, text string }{{"--url", d.URL}, {"--visibility-url", d.VisibilityURL}} {
		if u, err := url.Parse(one.text); err == nil && u.User != nil {
			if _, isSet := u.User.Password(); isSet {
				return locations, failure.Wrap(failure.Data, errors.New(one.flag+" contains a password, which other users can read: write env:NAME or vault:NAME instead, or set PGPASSWORD"))
			}
		}
		location, err := references.Resolve("", 0, one.flag, one.text)
		if err != nil {
			return locations, err
		}
		locations[i] = location.Reveal()
	}
	return locations, nil
}
