// What a session delivers: statement files and changes become objects, records become events at once.

package refresh

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/imported"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// maxDocuments bounds what one session delivers.
const maxDocuments = 10_000

// delivery is that of one session.
type delivery struct {
	*Refresher
	ref       account.Ref
	refresh   int
	streams   map[string]string // stream of the project by stream of the program
	documents []account.Document
	cursor    string            // to commit with the documents
	hide      func(error) error // hides secrets of the session
	failed    error             // the login could not be prepared, or what was delivered not be stored: that says nothing about the institution
}

// fail notes an error of the project's own.
func (d *delivery) fail(err error) error {
	if err != nil {
		d.failed = err
	}
	return err
}

// sort puts the statement files before the changes: they are processed by their numbers.
func (d *delivery) sort() {
	slices.SortStableFunc(d.documents, func(a, b account.Document) int {
		switch {
		case a.Changes == b.Changes:
			return 0
		case a.Changes:
			return 1
		}
		return -1
	})
}

// Document keeps a statement file under the name that its import gives it.
func (d *delivery) Document(ctx context.Context, name string, content []byte) error {
	return d.keep(ctx, name, content, imported.ObjectName, false)
}

// Changes keeps what an institution reports.
func (d *delivery) Changes(ctx context.Context, c *connector.Changes) error {
	for i := range c.Warnings { // which are kept
		c.Warnings[i] = d.hide(errors.New(c.Warnings[i])).Error()
	}
	content, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write changes of %s: %w", d.ref, err)
	}
	name := func(digest string) string { return changesObject(d.ref, d.refresh, digest) }
	return d.keep(ctx, "changes", content, name, true)
}

func (d *delivery) keep(ctx context.Context, name string, content []byte, objectName func(digest string) string, changes bool) error {
	if len(d.documents) == maxDocuments {
		return failure.Wrap(failure.Data, fmt.Errorf("institution %s delivers more than %d files in one session", d.ref.Institution, maxDocuments))
	}
	digest := sha256.Sum256(content)
	o := objectName(hex.EncodeToString(digest[:]))
	isSame := func(one account.Document) bool { return one.Object == o }
	if !changes && slices.ContainsFunc(d.documents, isSame) {
		return nil
	}
	if err := create(ctx, d.Objects, o, content); err != nil {
		return d.fail(fmt.Errorf("keep %s of %s: %w", name, d.ref, err))
	}
	d.documents = append(d.documents, account.Document{Name: name, Object: o, Bytes: int64(len(content)), Changes: changes})
	return nil
}

// create stores an object, whose name is made from its content.
func create(ctx context.Context, objects object.Store, name string, content []byte) error {
	out, err := objects.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, bytes.NewReader(content)); err == nil {
		err = out.Commit()
	}
	if err != nil {
		return errors.Join(err, out.Abort())
	}
	return nil
}

// Records stores events of a program at once.
func (d *delivery) Records(ctx context.Context, stream string, lines []byte) error {
	target := d.streams[stream]
	if target == "" {
		return failure.Wrap(failure.Data, fmt.Errorf("the program has records of stream %q, which `streams` of institution %s does not list", stream, d.ref.Institution))
	}
	quarantined, reason, err := d.Accept(ctx, target, lines)
	if err != nil {
		return d.fail(fmt.Errorf("store records of stream %s: %w", target, err))
	}
	if quarantined > 0 {
		d.Log.Warn("records of a program are in quarantine: `bursar quarantine "+target+"` lists them", "account", d.ref.String(), "rows", quarantined, "first", reason)
	}
	return nil
}

// State keeps the state of a program, whose records are stored already. That of files counts when they are imported.
func (d *delivery) State(ctx context.Context, state []byte) error {
	if len(d.documents) > 0 {
		d.cursor = string(state)
		return nil
	}
	return d.fail(d.Catalog.Update(ctx, func(tx catalog.Tx) error { return account.Commit(tx, d.ref, d.refresh, string(state)) }))
}
