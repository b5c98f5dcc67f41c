// The names of the steps of a run, and how each is executed.

package runs

// StepName names a step of a run. Documents, object names and activities contain it.
type StepName string

// The steps of a run.
const (
	StepReduce   StepName = "reduce"   // folds the events of the run to one delta for each key
	StepPrefetch StepName = "prefetch" // reads the state of these keys
	StepMerge    StepName = "merge"    // merges deltas and state into records, and checks the control totals
	StepIndex    StepName = "index"    // loads where each record is
	StepPublish  StepName = "publish"  // makes the run visible
)

// StepNames are the steps of a run, in order.
var StepNames = []StepName{StepReduce, StepPrefetch, StepMerge, StepIndex, StepPublish}

// Partitioned reports whether the step is split by key. Publish is one transaction.
func (s StepName) Partitioned() bool { return s != StepPublish }

// Ordered reports whether the step is executed strictly in the order of runs. A reduce does not depend on other runs.
func (s StepName) Ordered() bool { return s != StepReduce }

// MaxInFlight is how many runs of a pipeline are in flight: one in each of the three lanes prefetch, merge and index. Reduce
// runs ahead. With more runs the index lags further behind, and nothing gets faster.
const MaxInFlight = 3

// StepResult is the result of a step: counts only (rule 7).
type StepResult struct {
	Rows    int64   `json:"rows"`
	Seconds float64 `json:"seconds"`
}
