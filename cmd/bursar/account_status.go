// bursar account status: where each account is at the moment.

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/app"

	"github.com/spf13/cobra"
)

// placed is an account in the output of `account status --json`.
type placed struct {
	account.Ref
	Place     place     `json:"place"`
	Where     string    `json:"where"`
	Why       string    `json:"why,omitempty"`
	Class     string    `json:"class,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Done      int       `json:"done"`
	Total     int       `json:"total"`
	Currency  string    `json:"currency,omitempty"`
	Balance   string    `json:"balance,omitempty"`
	Verdict   string    `json:"verdict,omitempty"`
	Succeeded time.Time `json:"succeeded,omitzero"`
	Next      time.Time `json:"next,omitzero"`
	Running   bool      `json:"running"`
	Step      string    `json:"step,omitempty"` // what a person can do
}

func placedOf(one *account.Account) placed {
	s := standingOf(one)
	p := placed{
		Ref: one.Ref, Place: placeOf(one), Where: describeWhere(one), Why: describeWhy(one), Class: one.Class, Since: one.Since, Currency: currencyOf(one),
		Balance: s.Balance, Verdict: s.Verdict, Succeeded: one.Succeeded, Next: one.Next, Running: one.Running, Step: nextStep(one),
	}
	p.Done, p.Total = one.Progress()
	return p
}

// summary counts the accounts of an institution.
type summary struct {
	Institution string         `json:"institution"`
	Accounts    int            `json:"accounts"`
	Places      map[place]int  `json:"places"`
	Verdicts    map[string]int `json:"verdicts"`
	Oldest      *time.Time     `json:"oldest"` // when the account was read last whose last reading is the longest ago
}

func (s *summary) add(one *account.Account) {
	s.Accounts++
	s.Places[placeOf(one)]++
	if verdict := standingOf(one).Verdict; verdict != "" {
		s.Verdicts[verdict]++
	}
	if at := one.Succeeded; !at.IsZero() && (s.Oldest == nil || at.Before(*s.Oldest)) {
		s.Oldest = &at
	}
}

// overview is where the accounts of a project are. It holds a bounded number of them.
type overview struct {
	limit     int // 0: all
	summaries []*summary
	first     map[place][]placed
}

func (o *overview) add(one *account.Account) {
	last := len(o.summaries) - 1
	if last < 0 || o.summaries[last].Institution != one.Institution {
		o.summaries = append(o.summaries, &summary{Institution: one.Institution, Places: map[place]int{}, Verdicts: map[string]int{}})
		last++
	}
	o.summaries[last].add(one)
	p := placeOf(one)
	if list := o.first[p]; o.limit == 0 || len(list) < o.limit {
		o.first[p] = append(list, placedOf(one))
	}
}

// list returns the accounts to show, those that need a person first, and how many are left out.
func (o *overview) list() (list []placed, left int) {
	for _, s := range o.summaries {
		left += s.Accounts
	}
	list = []placed{}
	for _, p := range places {
		list = append(list, o.first[p]...)
	}
	if o.limit > 0 {
		list = list[:min(len(list), o.limit)]
	}
	return list, left - len(list)
}

// watchInterval is the time between two outputs of --watch.
const watchInterval = 2 * time.Second

func (c *cli) accountStatusCommand() *cobra.Command {
	watch, limit := false, 0
	cmd := &cobra.Command{
		Use:   "status [INSTITUTION]",
		Short: "Show where each account is: waiting, fetching, processing 3 of 12, done, or why not",
		Long: `Shows for each institution how many accounts are where, and how old the oldest data are; then the accounts, those that need a
person first.

  asks         the institution asks a question, such as a one-time password: ` + "`bursar account answer`" + `
  credentials  the institution has rejected them: ` + "`bursar account relink`" + `
  failed       the last refresh has failed; the reason says what is next
  fetching     the institution is being visited
  processing   what it has delivered is stored and judged
  waiting      for its turn, or for another attempt
  new          it was never read
  done         the last refresh is complete

INSTITUTION may also be an account, INSTITUTION/ID. --watch repeats the output until Ctrl-C.`,
		Example: `  bursar account status
  bursar accounts status acme --watch
  bursar account status acme/checking:42 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch && c.json {
				return usagef("--watch excludes --json")
			}
			show := func() error {
				return c.openToRead(cmd, func(ctx context.Context, a *app.App) error { return c.showStatus(ctx, a, args, limit) })
			}
			if watch {
				return c.repeat(cmd.Context(), show)
			}
			return show()
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "repeat the output every two seconds")
	countVar(cmd.Flags(), &limit, "limit", shownAccounts, "maximum number of accounts that are listed; 0 is all")
	return cmd
}

// repeat shows something until it is interrupted. The project is opened each time, so that other commands can work on it.
func (c *cli) repeat(ctx context.Context, show func() error) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		if width(c.out) > 0 {
			fmt.Fprint(c.out, "\x1b[H\x1b[2J") // an empty screen
		}
		if err := show(); err != nil || ctx.Err() != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (c *cli) showStatus(ctx context.Context, a *app.App, args []string, limit int) error {
	o := &overview{limit: limit, first: map[place][]placed{}}
	if err := readStatus(ctx, a, args, o); err != nil {
		return err
	}
	list, left := o.list()
	result := map[string]any{"institutions": append([]*summary{}, o.summaries...), "accounts": list, "truncated": left > 0}
	return c.result(result, func(w io.Writer) {
		if len(o.summaries) == 0 {
			fmt.Fprintln(w, "There are no accounts: add some with `bursar account add INSTITUTION --all --credential …`.")
			return
		}
		c.printSummaries(w, o.summaries)
		c.printPlaces(w, list)
		printRest(w, left, "--limit shows more")
		c.printNext(w, a, list)
	})
}

func readStatus(ctx context.Context, a *app.App, args []string, o *overview) error {
	add := func(one *account.Account) error {
		o.add(one)
		return nil
	}
	if len(args) == 0 {
		return a.Accounts().Each(ctx, "", add)
	}
	if !strings.Contains(args[0], "/") {
		if _, err := findInstitution(a, args[0]); err != nil {
			return err
		}
		return a.Accounts().Each(ctx, args[0], add)
	}
	ref, err := parseAccount(args[0])
	if err != nil {
		return err
	}
	one, err := a.Accounts().Get(ctx, ref)
	if err != nil {
		return err
	}
	return add(one)
}

func (c *cli) printSummaries(w io.Writer, list []*summary) {
	header := append([]string{"institution", "accounts"}, namesOf(places, func(p place) string { return string(p) })...)
	g := newGrid(append(header, "oldest data", "verdicts")...)
	for _, s := range list {
		cells := []string{s.Institution, formatCount(s.Accounts)}
		for _, p := range places {
			cells = append(cells, formatCount(s.Places[p]))
		}
		g.add(append(cells, formatTime(s.Oldest), listCounts(s.Verdicts))...)
	}
	g.print(w, width(c.out))
}

func (c *cli) printPlaces(w io.Writer, list []placed) {
	g := newGrid("account", "where", "balance", "currency", "verdict", "last read", "next read", "why").wrap("why")
	for i := range list {
		p := &list[i]
		g.add(p.String(), p.Where, formatBalance(p.Balance, p.Currency), orNoValue(p.Currency), orNoValue(p.Verdict), formatTime(&p.Succeeded), formatNext(p.Running, p.Next), shorten(p.Why))
	}
	g.print(w, width(c.out))
}

// printNext says what to do about the first account that needs a person, and whether anything works on those that are under way.
func (c *cli) printNext(w io.Writer, a *app.App, list []placed) {
	if len(list) == 0 {
		return
	}
	if step := list[0].Step; step != "" {
		fmt.Fprintf(w, "next: %s\n", step)
	}
	isRunning := slices.ContainsFunc(list, func(p placed) bool { return p.Running })
	if isRunning && !c.isServed(a) {
		fmt.Fprintln(w, "Nothing works on refreshes that have begun: they go on with `bursar up` or `bursar account refresh`.")
	}
}
