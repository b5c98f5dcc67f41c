// Tests of control rows.

package csvfile

import "testing"

// TestControlRow reads files with different totals in their control rows.
func TestControlRow(t *testing.T) {
	t.Parallel()
	const columns = "currency: EUR\ncolumns: {booked: D, amount: A, reference: R}\n"
	last := newReader(t, "account: LT62\n"+columns+"control: {row: last, count: {column: R}, sum: {column: A}}")
	first := newReader(t, "account: LT62\n"+columns+"control: {row: first, count: {column: R}, sum: {column: A}}")
	marked := newReader(t, "account: {column: Acc}\n"+columns+"control: {row: last, where: {column: D, is: TOTAL}, count: {column: R}, sum: {column: A}}")
	before := newReader(t, "account: {column: Acc}\n"+columns+"control: {row: first, where: {column: D, is: TOTAL}, count: {column: R}}")
	noted := newReader(t, "account: LT62\n"+columns+"notes: [\"Sum*\"]\ncontrol: {row: last, where: {column: D, is: Sum}, sum: {column: A}}")
	const entries = "entry at=2:1 amount=1 booked=2024-01-01 reference=a\nentry at=3:1 amount=2 booked=2024-01-02 reference=b\n"
	for _, c := range []struct {
		r          *Reader
		text, want string
	}{
		{last, "D,A,R\n2024-01-01,1,a\n2024-01-02,2,b\n,3,002\n", "statement at=2:1 account=LT62 currency=EUR count=2 sum=3\n" + entries},
		{
			last, "D,A,R\n2024-01-01,1,a\n2024-01-02,2,b\n", // truncated: an entry is read as the control row
			"statement at=2:1 account=LT62 currency=EUR sum=2 fault=the control row's count is no number: `b`\nentry at=2:1 amount=1 booked=2024-01-01 reference=a\n",
		},
		{last, "D,A,R\n2024-01-01,1,a\n2024-01-02,2,b\n,x,2.5", "statement at=2:1 account=LT62 currency=EUR fault=" +
			"the control row's count is no number: `2.5`; the control row's sum is no number: `x`\n" + entries},
		{last, "D,A,R\n2024-01-01,1,a\n2024-01-02,2,b\n3\n", "statement at=2:1 account=LT62 currency=EUR fault=" +
			"the control row's count is no number: ``; the control row's sum is no number: ``\n" + entries},
		{
			first, "D,A,R\n,3,2\n2024-01-01,1,a\n2024-01-02,2,b\n",
			"statement at=3:1 account=LT62 currency=EUR count=2 sum=3\nentry at=3:1 amount=1 booked=2024-01-01 reference=a\nentry at=4:1 amount=2 booked=2024-01-02 reference=b\n",
		},
		{
			marked, "Acc,D,A,R\n1,2024-01-01,1,a\n,TOTAL,1,1\n2,2024-01-02,2,b\n,TOTAL,2,1\n",
			"statement at=2:1 account=1 currency=EUR count=1 sum=1\nentry at=2:1 amount=1 booked=2024-01-01 reference=a\n" +
				"statement at=4:1 account=2 currency=EUR count=1 sum=2\nentry at=4:1 amount=2 booked=2024-01-02 reference=b\n",
		},
		{
			marked, "Acc,D,A,R\n1,2024-01-01,1,a\n,TOTAL,1,1\n2,2024-01-02,2,b\n",
			"statement at=2:1 account=1 currency=EUR count=1 sum=1\nentry at=2:1 amount=1 booked=2024-01-01 reference=a\n" +
				"statement at=4:1 account=2 currency=EUR fault=there is no control row\nentry at=4:1 amount=2 booked=2024-01-02 reference=b\n",
		},
		{
			marked, "Acc,D,A,R\n1,2024-01-01,1,a\n2,2024-01-02,2,b\n,TOTAL,3,2\n",
			"statement at=2:1 account=1 currency=EUR\nentry at=2:1 amount=1 booked=2024-01-01 reference=a\n" +
				"statement at=3:1 account=2 currency=EUR\nentry at=3:1 amount=2 booked=2024-01-02 reference=b\n",
		},
		{
			marked, "Acc,D,A,R\n1,2024-01-01,1,a\n2,2024-01-02,2,b\n,TOTAL,4,3\n",
			"statement at=2:1 account=1 currency=EUR\nentry at=2:1 amount=1 booked=2024-01-01 reference=a\n" +
				"statement at=3:1 account=2 currency=EUR fault=the control row counts 3 rows of 2 accounts, and there are 2; " +
				"the control row sums 2 accounts up to 4, and their rows to 3.00\nentry at=3:1 amount=2 booked=2024-01-02 reference=b\n",
		},
		{marked, "Acc,D,A,R\n,TOTAL,0,0\n1,2024-01-01,1,a\n,TOTAL,1,1\n", "statement at=3:1 account=1 currency=EUR count=1 sum=1\n" +
			"entry at=3:1 amount=1 booked=2024-01-01 reference=a\n"},
		{
			marked, "Acc,D,A,R\n1,2024-01-01,1,a\n,TOTAL,1,1\n,TOTAL,7,1\n", "statement at=2:1 account=1 currency=EUR count=1 sum=1\n" +
				"entry at=2:1 amount=1 booked=2024-01-01 reference=a\nerror 4:1: the control row states `1`, but there are no rows; ask for the whole file\n",
		},
		{
			marked, "Acc,D,A,R\n1,2024-01-01,1,a\n,TOTAL,1,1\n1,2024-01-02,1,b\n,TOTAL,1,1\n", "statement at=2:1 account=1 currency=EUR count=1 sum=1\n" +
				"entry at=2:1 amount=1 booked=2024-01-01 reference=a\nerror 4:1: account `1` occurs again after the control row of line 3; " +
				"import each export separately; declare a control row before its rows with `row: first`\n",
		},
		{ // the pattern of the notes matches the control row, too
			noted, "D,A,R\n2024-01-01,1,a\nSum of a page,1,\n2024-01-02,2,b\nSum,3,\n",
			"statement at=2:1 account=LT62 currency=EUR sum=3\nentry at=2:1 amount=1 booked=2024-01-01 reference=a\n" +
				"entry at=4:1 amount=2 booked=2024-01-02 reference=b\nnotice at=3:1 what=note among the rows value=Sum* count=1\n",
		},
		{
			before, "Acc,D,A,R\n,TOTAL,,1\n1,2024-01-01,1,a\n,TOTAL,,2\n2,2024-01-01,1,a\n",
			"statement at=3:1 account=1 currency=EUR count=1\nentry at=3:1 amount=1 booked=2024-01-01 reference=a\n" +
				"statement at=5:1 account=2 currency=EUR count=2\nentry at=5:1 amount=1 booked=2024-01-01 reference=a\n",
		},
		{ // the pattern of the notes matches the control row, too
			noted, "D,A,R\n2024-01-01,1,a\nSum of a page,1,\n2024-01-02,2,b\nSum,3,\n",
			"statement at=2:1 account=LT62 currency=EUR sum=3\nentry at=2:1 amount=1 booked=2024-01-01 reference=a\n" +
				"entry at=4:1 amount=2 booked=2024-01-02 reference=b\nnotice at=3:1 what=note among the rows value=Sum* count=1\n",
		},
		{
			before, "Acc,D,A,R\n1,2024-01-01,1,a\n,TOTAL,,2\n2,2024-01-01,1,a\n",
			"statement at=2:1 account=1 currency=EUR fault=there is no control row\nentry at=2:1 amount=1 booked=2024-01-01 reference=a\n" +
				"statement at=4:1 account=2 currency=EUR count=2\nentry at=4:1 amount=1 booked=2024-01-01 reference=a\n",
		},
	} {
		checkRead(t, c.r, c.text, c.want)
	}
}

func TestControlHashAndBalances(t *testing.T) {
	t.Parallel()
	hashed := newReader(t, `
account: LT62
currency: EUR
columns: {booked: D, amount: A, reference: R, balance: B}
control:
  row: last
  hash: {column: R, of: reference, method: sum}
  opening: {column: A}
  closing: {column: B}
`)
	const entries = "entry at=2:1 amount=1 booked=2024-01-02 reference=INV-990\nentry at=3:1 amount=2 booked=2024-01-01 reference=x20\n"
	balances := "balance at=4:1 code=OPBD amount=10 date=2024-01-01\nbalance at=4:1 code=CLBD amount=13 date=2024-01-02\n"
	rows := "D,A,R,B\n2024-01-02,1,INV-990,13\n2024-01-01,2,x20,12\n"
	for hash, fault := range map[string]string{
		"1010": "", "001010": "", "10": "", "0": "", // a hash of n digits is modulo 10^n
		"1011": " fault=the control row's hash total of `R` is 1011, and the rows come to 1010",
		"011":  " fault=the control row's hash total of `R` is 011, and the rows come to 010",
		"":     " fault=the control row's hash total is no number of 1 to 64 digits: ``",
	} {
		checkRead(t, hashed, rows+",10,"+hash+",13\n", "statement at=2:1 account=LT62 currency=EUR"+fault+"\n"+entries+balances)
	}
	checkRead(t, hashed, rows+",,1010,14", "statement at=2:1 account=LT62 currency=EUR fault=the control row's opening balance is no number: ``\n"+entries+
		"balance at=4:1 code=CLBD amount=14 date=2024-01-02\nbalance at=2:1 code=OPBD amount=10.00 date=2024-01-01\n")
	together := newReader(t, `
account: {column: B}
currency: EUR
columns: {booked: D, amount: A}
control: {row: last, opening: {column: A}}
`)
	checkRead(t, together, "D,A,B\n2024-01-02,1,1\n2024-01-02,1,2\n,5,\n", "statement at=2:1 account=1 currency=EUR\nentry at=2:1 amount=1 booked=2024-01-02\n"+
		"statement at=3:1 account=2 currency=EUR fault=the control row has the balance of one account, and there are 2 before it\nentry at=3:1 amount=1 booked=2024-01-02\n")
}
