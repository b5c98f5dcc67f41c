package reconcile

type RunRef struct {
	Pipeline        string
	Generation, Run uint64
}
type StepResult struct {
	Rows    int64
	Seconds float64
}
