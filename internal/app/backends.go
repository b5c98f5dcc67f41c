// Backends: opens the stores that bursar.yaml names. Only this file knows which ones there are.

package app

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/app/marker"
	"bursar/internal/artifact"
	"bursar/internal/artifact/pgindex"
	"bursar/internal/catalog"
	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/duck"
	"bursar/internal/event/identity"
	"bursar/internal/event/ids"
	"bursar/internal/event/owner"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/object/s3"
	"bursar/internal/postgres"
	"bursar/internal/project"
	"bursar/internal/serve"
	"bursar/internal/vault"
)

// identitySecret is the name in the vault of the key of the dedupe indexes' digests.
const identitySecret = "identity_key"

// cacheFolder is where copies of objects are kept, which DuckDB reads. They may be deleted at any time.
func cacheFolder(state string) string { return filepath.Join(state, "cache") }

// setting resolves a text of bursar.yaml, which may be a reference.
func (a *App) setting(key, text string) (string, error) {
	return a.settingOf("bursar.yaml", a.Project.Config.Line(key), key, text)
}

// settingOf resolves a text of a file, which may be a reference.
func (a *App) settingOf(file string, line int, key, text string) (string, error) {
	references := vault.NewReferences(a.Project.Dir, vault.ProcessEnvironment())
	secret, err := references.Resolve(file, line, key, text)
	if err != nil {
		return "", err
	}
	return secret.Reveal(), nil
}

// openObjects opens the objects. Copies without a digest are in the scratch folder.
func (a *App) openObjects(ctx context.Context, scratch string) (object.Local, error) {
	if a.Project.Config.Storage.Kind != project.S3Storage {
		folder := object.NewFolder(filepath.Join(a.state, "objects"))
		if err := folder.Clean(); err != nil {
			return nil, err
		}
		return folder, nil
	}
	config, err := a.bucketConfig()
	if err != nil {
		return nil, err
	}
	if a.bucket, err = s3.Open(ctx, config); err != nil {
		return nil, err
	}
	limit := duck.ParseMemory(a.Project.Config.Storage.CacheSize)
	cache, err := object.NewCache(ctx, a.bucket, object.CacheConfig{Folder: cacheFolder(a.state), Limit: limit})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, func() error { cache.Close(); return nil })
	a.cache = cache
	return object.NewCached(cache, scratch), nil
}

// cacheCounters returns what the cache of local copies counts; none if the objects are files.
func (a *App) cacheCounters() []serve.Counter {
	if a.cache == nil {
		return nil
	}
	counter := func(name, help string, of func(object.CacheCounters) int64) serve.Counter {
		return serve.Counter{Name: "bursar_cache_" + name, Help: help, Value: func() int64 { return of(a.cache.Counters()) }}
	}
	return []serve.Counter{
		counter("hits_total", "Objects that were read from local copies.", func(c object.CacheCounters) int64 { return c.Hits }),
		counter("misses_total", "Objects that were downloaded to be read.", func(c object.CacheCounters) int64 { return c.Misses }),
		counter("downloaded_bytes_total", "Bytes of objects that were downloaded.", func(c object.CacheCounters) int64 { return c.DownloadedBytes }),
		counter("evictions_total", "Local copies that were removed to stay within cache_size.", func(c object.CacheCounters) int64 { return c.Evictions }),
		counter("evicted_bytes_total", "Bytes of local copies that were removed.", func(c object.CacheCounters) int64 { return c.EvictedBytes }),
	}
}

// sweep deletes from stores elsewhere what was replaced before. `bursar verify` writes nothing.
func (a *App) sweep(ctx context.Context) error {
	if a.Events.Shared = !a.Project.Config.IsLocal(); !a.Events.Shared || a.command == verifyCommand {
		return nil
	}
	if err := a.Events.Sweep(ctx); err != nil {
		return err
	}
	return a.Rebuilder.Sweep(ctx)
}

// bucketConfig resolves the settings of S3.
func (a *App) bucketConfig() (s3.Config, error) {
	c := a.Project.Config.Storage
	config := s3.Config{PathStyle: c.PathStyle}
	for key, field := range map[string]struct {
		text string
		to   *string
	}{
		"bucket": {c.Bucket, &config.Bucket}, "prefix": {c.Prefix, &config.Prefix},
		"region": {c.Region, &config.Region}, "endpoint": {c.Endpoint, &config.Endpoint},
	} {
		var err error
		if *field.to, err = a.setting("storage."+key, field.text); err != nil {
			return config, err
		}
	}
	hideReferences(&config, c)
	for element := range strings.SplitSeq(config.Prefix, "/") {
		if slices.Contains(objectFolders, element+"/") { // the project whose prefix ends before it would take the objects for its own
			return config, failure.Wrap(failure.Data, fmt.Errorf("bursar.yaml:%d: storage.prefix contains the folder %s, which is one of a project's objects: use another name",
				a.Project.Config.Line("storage.prefix"), element))
		}
	}
	return config, nil
}

// hideReferences keeps errors from printing values that bursar.yaml only refers to: they print the references.
func hideReferences(config *s3.Config, written project.Storage) {
	if config.Bucket == written.Bucket && config.Region == written.Region && config.Endpoint == written.Endpoint {
		return
	}
	config.Place = fmt.Sprintf("bucket %s at %s", written.Bucket, cmp.Or(written.Endpoint, written.Region, "Amazon"))
	if config.Endpoint != written.Endpoint {
		config.Hidden = append(config.Hidden, config.Endpoint)
		if at, err := url.Parse(config.Endpoint); err == nil {
			config.Hidden = append(config.Hidden, at.Hostname())
		}
	}
	if config.Bucket != written.Bucket {
		config.Hidden = append(config.Hidden, config.Bucket)
	}
}

// database resolves the settings of a PostgreSQL database.
func (a *App) database(key string, d project.Database) (c postgres.Config, err error) {
	if c.URL, err = a.setting(key+".url", d.URL); err == nil {
		c.Schema, err = a.setting(key+".schema", d.Schema)
	}
	return c, err
}

// verifiableCatalog is a catalog that can verify all its documents.
type verifiableCatalog interface {
	catalog.Catalog
	Verify(ctx context.Context) (documents int, err error)
}

// openCatalog opens the catalog. If other machines may use it, this process joins those that do, or claims it where only one may.
func (a *App) openCatalog(ctx context.Context) (verifiableCatalog, error) {
	d := a.Project.Config.Catalog
	if d.Kind != project.PostgresBackend {
		if err := a.checkLocalCatalog(ctx); err != nil {
			return nil, err
		}
		records, err := catalog.OpenSQLite(filepath.Join(a.state, "catalog.db"))
		if err != nil {
			return nil, err
		}
		a.closers = append(a.closers, records.Close)
		return records, nil
	}
	if err := a.checkSharedCatalog(ctx); err != nil {
		return nil, err
	}
	config, err := a.database("catalog", d)
	if err != nil {
		return nil, err
	}
	records, err := pgcatalog.Open(ctx, config, a.mayCreateCatalog)
	if err != nil {
		return nil, a.atStorage(err)
	}
	a.closers = append(a.closers, records.Close)
	if a.Project.Config.HasSeveralProcesses() && a.command != repairCommand {
		err = a.join(ctx, records)
	} else {
		err = a.claim(ctx, records)
	}
	if err != nil {
		return nil, err
	}
	return records, marker.MarkShared(a.state)
}

// claim keeps other processes away from the project.
func (a *App) claim(ctx context.Context, records *pgcatalog.Catalog) error {
	release, err := records.Claim(ctx, a.command, lockWait)
	if err != nil {
		return a.asUsed(err)
	}
	a.closers, a.confirm = append(a.closers, release), records.Confirm
	return owner.TakeAll(ctx, records) // one that shared the project, and does not know that it lost it, acknowledges nothing more
}

// asUsed adds the next step to the error of a process that needs the project for itself while others share it.
func (a *App) asUsed(err error) error {
	if used := (*pgcatalog.InUseError)(nil); !errors.As(err, &used) || !used.Joined() {
		return err
	}
	if !a.Project.Config.HasSeveralProcesses() {
		return fmt.Errorf("%w: they share it by a Temporal cluster, which this folder does not declare: copy the lines of `temporal` from their bursar.yaml", err)
	}
	return fmt.Errorf("%w: `bursar worker list` shows what each does, and `bursar worker drain PROCESS` ends an `up` or a worker", err)
}

// isTakenOver reports whether an error means that another process has taken the project over.
func isTakenOver(err error) bool { return errors.Is(err, pgcatalog.ErrClaimLost) }

// openIndex opens the index of artifacts.
func (a *App) openIndex(ctx context.Context) (artifact.Index, error) {
	d := a.Project.Config.Index
	if d.Kind != project.PostgresBackend {
		return openLocalIndex(a.indexFolder())
	}
	config, err := a.database("index", d)
	if err != nil {
		return nil, err
	}
	index, err := pgindex.Open(ctx, pgindex.Config{Postgres: config})
	if err != nil {
		return nil, err
	}
	return index, nil
}

// openSecret opens the key of the dedupe indexes' digests. All machines need the same one, so a folder without the one that a shared
// catalog uses is refused, except by the commands that check and repair it.
func (a *App) openSecret(ctx context.Context) (*identity.File, error) {
	if !a.Project.Config.IsShared() {
		return ids.OpenSecret(ctx, a.catalog, identity.InFile(filepath.Join(a.state, "identity.key")))
	}
	secret, err := ids.OpenSharedSecret(ctx, a.catalog, a.vaultSecret(), a.renewIdentity)
	if err == nil && a.command != verifyCommand && a.command != repairCommand {
		err = secret.Fault()
	}
	return secret, err
}

func (a *App) vaultSecret() vaultSecret {
	return vaultSecret{vault.New(a.Project.Dir, vault.ProcessEnvironment())}
}

// CheckRemovable refuses to remove a secret of a project folder's vault that its catalog depends on.
func CheckRemovable(dir, name string) error {
	if name != identitySecret {
		return nil
	}
	p, _ := project.Read(dir) // other faults of the folder do not matter here
	if p == nil || !p.Config.IsShared() {
		return nil
	}
	return failure.Wrap(failure.Data, fmt.Errorf("remove secret %s: the project's catalog in PostgreSQL uses it: every id that is known would be new with another", name))
}

// vaultSecret keeps the secret of identities in the vault.
type vaultSecret struct{ vault *vault.Vault }

func (s vaultSecret) Read() ([]byte, error) {
	secret, err := s.vault.Resolve(identitySecret)
	if errors.Is(err, vault.ErrUnknown) || errors.Is(err, vault.ErrNoVault) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(secret.Reveal())
	if err != nil { // which contains a character of the secret
		return nil, failure.Wrap(failure.Data, fmt.Errorf("%s is not hexadecimal", s))
	}
	return key, nil
}

func (s vaultSecret) Write(secret []byte) error {
	_, _, err := s.vault.Set(context.Background(), identitySecret, []byte(hex.EncodeToString(secret)))
	return err
}

func (vaultSecret) String() string { return identitySecret + " in the vault" }
