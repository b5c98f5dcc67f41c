// Listing all messages of a mailbox, page by page.

package mailbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"

	"bursar/internal/failure"
)

// pageSize is the number of messages that are asked for at a time.
const pageSize = 1000

// searchPath and listPath are those of mailpit's API.
const (
	searchPath = "/api/v1/search"
	listPath   = "/api/v1/messages"
)

// All yields the Message-ID of each message of the mailbox, without angle brackets, the newest message first. It ends with the first
// error. The mailbox must be mailpit, or answer as it does: the path of the URL ends with /api/v1/search, and /api/v1/messages beside
// it takes start and limit.
//
// Messages that arrive meanwhile push others to later pages. So each message is yielded once by its "ID" in the mailbox, of which a
// hash is kept in memory. Messages that are deleted meanwhile pull others to earlier pages: a total that shrinks is an error.
func (m *Mailbox) All(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		base, err := m.listURL()
		if err != nil {
			yield("", failure.Wrap(failure.Data, err))
			return
		}
		l := &lister{mailbox: m, base: base, seen: map[digest]struct{}{}}
		for more := true; more; {
			var ids []string
			if ids, more, err = l.page(ctx); err != nil {
				yield("", m.hide(fmt.Errorf("list the messages of %s: %w", m.shown(base), err)))
				return
			}
			for _, id := range ids {
				if !yield(id, nil) {
					return
				}
			}
		}
	}
}

func (m *Mailbox) listURL() (string, error) {
	if err := m.Check(); err != nil {
		return "", err
	}
	parsed, err := url.Parse(strings.ReplaceAll(m.URL, placeholder, "id"))
	if err != nil {
		return "", errors.New("the URL of the mailbox is not valid")
	}
	prefix, ok := strings.CutSuffix(parsed.Path, searchPath)
	if !ok {
		return "", fmt.Errorf("the URL of the mailbox does not have the path %s, so its messages cannot be listed", searchPath)
	}
	parsed.Path, parsed.RawPath, parsed.RawQuery = prefix+listPath, "", ""
	return parsed.String(), nil
}

// digest stands for an ID, so that a large mailbox needs little memory.
type digest [16]byte

func digestOf(id string) digest {
	sum := sha256.Sum256([]byte(id))
	return digest(sum[:len(digest{})])
}

// lister is a walk over the pages.
type lister struct {
	mailbox *Mailbox
	base    string
	seen    map[digest]struct{}
	start   int
	total   int64 // of the page before
}

// page returns the Message-IDs of the next page that were not seen before, and whether there may be another page.
func (l *lister) page(ctx context.Context) (ids []string, more bool, err error) {
	query := url.Values{"start": {strconv.Itoa(l.start)}, "limit": {strconv.Itoa(pageSize)}}
	body, err := l.mailbox.get(ctx, l.base+"?"+query.Encode())
	if err != nil {
		return nil, false, err
	}
	d, err := parse(body)
	if err == nil && d.Messages == nil {
		err = errors.New(`the answer has no "messages"`)
	}
	if err != nil {
		return nil, false, failure.Wrap(failure.Data, err)
	}
	if d.Total < l.total {
		return nil, false, failure.Wrap(failure.Transient, errors.New("messages were deleted meanwhile; list them again"))
	}
	l.total = d.Total
	ids, err = l.unseen(*d.Messages)
	l.start += len(*d.Messages)
	return ids, len(*d.Messages) > 0, failure.Wrap(failure.Data, err)
}

func (l *lister) unseen(page []message) ([]string, error) {
	ids := make([]string, 0, len(page))
	for i := range page {
		id, err := page[i].id()
		if err != nil {
			return nil, err
		}
		if page[i].ID == "" {
			return nil, errors.New("a message of the list has no ID")
		}
		key := digestOf(page[i].ID)
		if _, known := l.seen[key]; known {
			continue
		}
		l.seen[key] = struct{}{}
		ids = append(ids, id)
	}
	return ids, nil
}
