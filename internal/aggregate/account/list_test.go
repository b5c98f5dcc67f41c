// Lists of accounts that are longer than a page.

package account

import (
	"errors"
	"fmt"
	"testing"

	"bursar/internal/failure"
)

func TestEach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, count := range []int{0, page, 2 * page, 2*page + 1} {
		var list []Account
		for i := range count {
			list = append(list, Account{Ref: refOf(fmt.Sprintf("%06d", i))})
		}
		if _, err := w.Add(t.Context(), append(list, Account{Ref: Ref{"other", "x"}})); err != nil {
			t.Fatal(err)
		}
		for institution, want := range map[string]int{"acme": count, "other": 1, "": count + 1, "nobody": 0} {
			n := 0
			err := w.Each(t.Context(), institution, func(a *Account) error {
				if want := fmt.Sprintf("%06d", n); a.Institution == "acme" && a.Account != want {
					t.Fatalf("account %d is %s", n, a.Account)
				}
				n++
				return nil
			})
			if err != nil || n != want {
				t.Errorf("%d accounts of %q, want %d (%v)", n, institution, want, err)
			}
		}
	}
	n, stop := 0, errors.New("stop")
	for cause, want := range map[error]error{failure.ErrStop: nil, stop: stop} {
		if err := w.Each(t.Context(), "acme", func(*Account) error { n++; return cause }); !errors.Is(err, want) {
			t.Errorf("stopped with %v: %v", cause, err)
		}
	}
	if n != 2 {
		t.Errorf("%d calls", n)
	}
}

// TestCountsOfToday: the refreshes of yesterday are not shown as those of today, also before any is begun.
func TestCountsOfToday(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, _, err := w.AskNow(t.Context(), w.add("1", 0), Rules{AccountDay: 1}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if i, err := w.Institution(t.Context(), "acme"); err != nil || i.ByPerson != want || i.Accounts != 1 {
			t.Errorf("%+v, %v, want %d refreshes", i, err, want)
		}
		w.now = w.now.Add(day)
	}
}
