// The identity of a warehouse, which is in the names of its objects: a project may have had another warehouse before, or get it back, and the
// objects of that one are in the same store.

package archive

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// identityTable has one row.
const identityTable = "bursar_archive_identity"

var identityColumns = []column.Field{field("identity", column.String)}

// identity returns the identity of the warehouse, and gives it one if it has none.
func (s *step) identity(ctx context.Context) (identity string, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, r warehouse.Reader) (err error) {
		identity, err = readIdentity(ctx, r)
		return err
	})
	if err != nil || identity != "" {
		return identity, err
	}
	return identity, s.db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		if err := EnsureJournal(ctx, tx); err != nil {
			return err
		}
		if identity, err = readIdentity(ctx, tx); err != nil || identity != "" { // another process was faster
			return err
		}
		identity = randomText()
		_, err := tx.Exec(ctx, fmt.Sprintf("INSERT INTO %s (identity) VALUES (%s)", identityTable, warehouse.Literal(identity)))
		return err
	})
}

// readIdentity returns the identity of the warehouse; empty if it has none, since nothing was archived in it.
func readIdentity(ctx context.Context, r warehouse.Reader) (identity string, err error) {
	if _, found, err := r.Table(ctx, identityTable); err != nil || !found {
		return "", err
	}
	err = r.Query(ctx, "SELECT identity FROM "+identityTable, func(_ []warehouse.Column, rows []column.Vector) error {
		if rows[0].Len() > 0 {
			identity = string(rows[0].Text(0))
		}
		return nil
	})
	return identity, err
}

// newName returns the name of a new object. It is unique, so that no attempt overwrites what another one has recorded.
func newName(identity, table string, p Period, to Tier) string {
	return fmt.Sprintf("%s%s/%s/%s-%s-%s.parquet", Folder, to, table, p.First.Format(dayLayout), identity, randomText())
}

// isOf reports whether an object was written for the warehouse with an identity.
func isOf(identity, name string) bool {
	return identity != "" && strings.Contains(path.Base(name), "-"+identity+"-")
}

func randomText() string {
	var text [8]byte
	_, _ = rand.Read(text[:]) // it never fails
	return hex.EncodeToString(text[:])
}
