// Judges what a refresh has fetched, and ends it.

package refresh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Ending is how a refresh ends.
type Ending struct {
	Unanswered bool  // nobody has answered the institution's question, or set new credentials
	Err        error // why it cannot go on; nil: what was fetched says how it ended
}

// Conclude stores the transactions and balances that a refresh has fetched, judges the account, and ends the refresh.
func (r *Refresher) Conclude(ctx context.Context, ref account.Ref, refresh int, how Ending) error {
	a, err := r.Accounts.Get(ctx, ref)
	if err != nil || !a.IsRunning(refresh) {
		return err
	}
	// What an earlier attempt or refresh has left is stored first. Where that never succeeds, a refresh that has failed ends nevertheless.
	if err := r.deliver(ctx, ref); err != nil && (how.Err == nil || failure.Of(err).Retryable()) {
		return err
	}
	if how.Unanswered && a.IsAnswered() {
		how = Ending{Err: errAnsweredLate}
	}
	if how.Err != nil || how.Unanswered {
		return r.end(ctx, a, how)
	}
	err = r.judge(ctx, a)
	if err != nil && failure.Of(err) != failure.Data {
		return err
	}
	how.Err = errors.Join(err, refusals(a))
	return r.end(ctx, a, how)
}

// errAnsweredLate ends a refresh that has waited too long, while no process was up that noticed that a person had acted. Another one is due soon.
var errAnsweredLate = failure.Wrap(failure.Transient, errors.New("a person has acted after the refresh had waited for too long"))

// refusals is the error of a refresh with statement files that could not be read; nil without such.
func refusals(a *account.Account) (err error) {
	for i := range a.Documents {
		if d := &a.Documents[i]; d.Refused != "" {
			err = errors.Join(err, failure.Wrap(failure.Data, fmt.Errorf("%s cannot be read: %s", d.Name, d.Refused)))
		}
	}
	return err
}

// end records the end, and when the next refresh is due. Where only a person can help, that is when a person asks: repeated attempts may block the
// account.
func (r *Refresher) end(ctx context.Context, a *account.Account, how Ending) error {
	e := account.Ending{Err: how.Err}
	if how.Unanswered {
		e.Err = failure.Wrap(failure.Data, fmt.Errorf("%s; `bursar account refresh %s` tries again", unanswered(a), a))
	}
	i, err := r.Accounts.Institution(ctx, a.Institution)
	if err != nil {
		return err
	}
	if declared := r.Project.Institution(a.Institution); declared != nil && declared.Connection != nil && !how.Unanswered {
		rules, now := RulesOf(declared.Connection), r.Now().UTC()
		if e.Next = rules.Next(a.Ref, a.Refresh, i.Accounts, now); e.Err != nil {
			e.Next = rules.AfterFailure(a.Ref, a.Refresh, i.Accounts, a.Failures+1, e.Err, now)
		}
	}
	ended, err := r.Accounts.End(ctx, a.Ref, a.Refresh, e)
	if err != nil || ended == nil {
		return err
	}
	if err := r.removeChanges(ctx, a.Ref, a.Refresh); err != nil {
		r.Log.Warn("what a refresh has fetched is stored, and remains: the next refresh removes it", "account", a.String(), "error", err)
	}
	if r.OnEnd != nil {
		r.OnEnd(ended)
	}
	return nil
}

func unanswered(a *account.Account) string {
	if a.State == account.Asking {
		return fmt.Sprintf("nobody has answered the question %q in time", a.Question)
	}
	return "nobody has set new credentials in time: " + a.Reason
}

// judge commits what a refresh has fetched, all parts of it together: an earlier part has the balance of now, too. Its events are stored then.
func (r *Refresher) judge(ctx context.Context, a *account.Account) error {
	if a.Judged {
		return nil // its events are stored: Conclude begins with that
	}
	c, err := r.reported(ctx, a)
	if err != nil {
		return err
	}
	if c == nil {
		return r.commitCursor(ctx, a)
	}
	if err := r.commit(ctx, a.Ref, a.Refresh, c); err != nil {
		return err
	}
	return r.deliver(ctx, a.Ref)
}

// reported returns the changes that a refresh has fetched; nil if there are none. The statement files of OFX say the same as changes do.
func (r *Refresher) reported(ctx context.Context, a *account.Account) (*connector.Changes, error) {
	var all parts
	for i := range a.Documents {
		d := &a.Documents[i]
		isStatement := !d.Changes && d.Refused == "" && r.kindOf(a) == project.OFXConnector
		if !d.Changes && !isStatement {
			continue
		}
		content, err := r.content(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", d.Name, a, err)
		}
		c := &connector.Changes{}
		if isStatement {
			c, err = readStatements(r.Project, a.Account, d.Name, content)
		} else if err = json.Unmarshal(content, c); err != nil {
			err = fmt.Errorf("read changes of %s: %w", a, err)
		}
		if err != nil {
			return nil, err
		}
		all.add(c)
	}
	return all.changes(), nil
}

func (r *Refresher) kindOf(a *account.Account) string {
	if i := r.Project.Institution(a.Institution); i != nil && i.Connection != nil {
		return i.Connection.Kind
	}
	return ""
}

// content reads a kept document, which is at most connector.MaxBody long.
func (r *Refresher) content(ctx context.Context, d *account.Document) ([]byte, error) {
	in, err := r.Objects.OpenSized(ctx, d.Object, d.Bytes)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	content := make([]byte, d.Bytes)
	if _, err := in.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return content, nil
}

// ledgerOf names an account in its ledger.
func ledgerOf(a *account.Account, c *connector.Changes) ledger.Account {
	currency := a.Currency
	if currency == "" {
		currency = c.Currency
	}
	return ledger.Account{Institution: a.Institution, ID: a.Account, Currency: currency}
}
