// The objects that keep what institutions report, from the visit until it is in the ledger of the account.

package refresh

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"

	"bursar/internal/aggregate/account"
)

// ChangesPrefix is that of the objects of changes. They are deleted when their refresh has ended.
const ChangesPrefix = "changes/"

// changesFolder is the prefix of an account's. Ids may be longer than names of folders.
func changesFolder(ref account.Ref) string {
	digest := sha256.Sum256([]byte(ref.String()))
	return ChangesPrefix + hex.EncodeToString(digest[:16]) + "/"
}

// changesObject is the object that keeps changes with a digest. Another refresh has other objects: it may fetch the same while this one ends.
func changesObject(ref account.Ref, refresh int, digest string) string {
	return fmt.Sprint(changesFolder(ref), refresh, "-", digest)
}

// changesRefresh is the number of the refresh of an object; 0 if it has none.
func changesRefresh(name string) int {
	number, _, _ := strings.Cut(path.Base(name), "-")
	n, _ := strconv.Atoi(number)
	return n
}

// removeChanges deletes the changes of a refresh that has ended, and what interrupted sessions of this and earlier ones have left.
func (r *Refresher) removeChanges(ctx context.Context, ref account.Ref, refresh int) error {
	names, err := r.Objects.List(ctx, changesFolder(ref))
	if err != nil {
		return err
	}
	for _, name := range names {
		if changesRefresh(name) > refresh {
			continue
		}
		if err := r.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// UnknownChanges returns those of some objects of changes that no refresh needs which runs: the next refresh of their account removes some, the
// accounts of the others were removed.
func UnknownChanges(ctx context.Context, accounts *account.Accounts, names []string) (left, unexpected []string, err error) {
	if len(names) == 0 {
		return nil, nil, nil
	}
	running := map[string]int{} // number of the refresh by folder; 0: none runs
	err = accounts.Each(ctx, "", func(a *account.Account) error {
		running[changesFolder(a.Ref)] = 0
		if a.Running {
			running[changesFolder(a.Ref)] = a.Refresh
		}
		return nil
	})
	for _, name := range names {
		switch n, exists := running[path.Dir(name)+"/"]; {
		case !exists:
			unexpected = append(unexpected, name)
		case n == 0 || n != changesRefresh(name):
			left = append(left, name)
		}
	}
	return left, unexpected, err
}
