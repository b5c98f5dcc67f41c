// A guard: the process between a worker and a program. It is the parent of every process of the program that has lost its own, so it knows when
// the last one has ended; and it notices the worker's death by the end of a pipe.

package process

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

const (
	// leftBehind is how long other processes of a program may go on after its first one has ended: those of a pipe write the end of its output.
	leftBehind = time.Second
	// leftGrace is the time between SIGTERM and SIGKILL for those.
	leftGrace = 500 * time.Millisecond
	// killInterval is the time between two searches for processes that are not yet dead.
	killInterval = 10 * time.Millisecond
	// giveUp is how long dead processes may take to end: those that wait for a disk, or belong to other users, may not.
	giveUp = 10 * time.Second
)

const stopByte = 's'

// phase is how far the end of a program is.
type phase int

const (
	executing   phase = iota
	lingering         // its first process has ended
	terminating       // all got SIGTERM
	killing           // all get SIGKILL until none is left
)

// end is a process that has ended.
type end struct {
	pid    int
	status syscall.WaitStatus
	usage  syscall.Rusage
}

// guard executes one program.
type guard struct {
	program int // the process id of its first process
	mark    string
	grace   time.Duration
	stops   <-chan struct{} // the worker asks to stop
	deaths  <-chan struct{} // the worker is dead
	ends    <-chan end      // closed when no process is left
	began   time.Time

	phase    phase
	timer    *time.Timer
	killAt   time.Time
	giveUpAt time.Time
	ended    bool // the first process
	result   ending
}

// GuardMain executes the program that a worker specifies, kills all that is left of it, and returns the exit code of the guard.
func GuardMain([]string) int {
	runtime.LockOSThread() // the program dies with the thread that has started it
	control, reports := os.NewFile(controlFD, "control"), os.NewFile(reportFD, "reports")
	in := bufio.NewReader(control)
	var s specification
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "read the program to execute: %v; only workers start guards\n", err)
		return 2
	}
	nameProcess()
	ignoreSignals()
	if err := adoptOrphans(); err != nil {
		fmt.Fprintf(os.Stderr, "become the parent of orphans: %v\n", err)
		return 1
	}
	g := &guard{mark: s.Mark, grace: s.Grace, timer: time.NewTimer(time.Hour), began: time.Now()}
	g.stops, g.deaths = listen(in)
	send(reports, report{Starting: true})
	program, refused := s.start()
	if refused != nil {
		send(reports, report{Refused: refused})
		return 0
	}
	g.program, g.ends = program, reap(program)
	g.watch()
	send(reports, report{Ended: &g.result})
	return 0
}

// ignoreSignals makes the guard survive signals to all processes of a machine or service: it ends when its program has. Handlers, unlike ignored
// signals, are not inherited by programs.
func ignoreSignals() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
}

// send writes a report. If it fails, the worker is dead, which is noticed elsewhere.
func send(to *os.File, r report) {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // it has only strings and numbers
	}
	_, _ = to.Write(append(text, '\n'))
}

// listen waits for the worker to ask for a stop, and to die.
func listen(in *bufio.Reader) (stops, deaths <-chan struct{}) {
	stop, death := make(chan struct{}), make(chan struct{})
	go func() {
		if _, err := in.ReadByte(); err == nil {
			close(stop)
			for err == nil {
				_, err = in.ReadByte()
			}
		}
		close(death)
	}()
	return stop, death
}

// reap waits for every child, among them those that it inherits, until there is none: on Linux, nothing of the program is left then.
func reap(program int) <-chan end {
	ends := make(chan end)
	go func() {
		defer close(ends)
		for {
			var e end
			var err error
			e.pid, err = syscall.Wait4(childrenOf(program), &e.status, 0, &e.usage)
			switch {
			case err == syscall.EINTR:
			case err != nil:
				return
			default:
				ends <- e
			}
		}
	}()
	return ends
}

// watch returns when nothing of the program is left, or it has given up.
func (g *guard) watch() {
	for {
		select {
		case <-g.stops:
			g.stops = nil
			g.result.Stopped = !g.ended
			g.terminate(g.grace)
		case <-g.deaths:
			g.deaths = nil
			g.kill()
		case e, more := <-g.ends:
			if !more {
				g.result.Left = sweep(g.program, g.mark, time.Now().Add(giveUp))
				return
			}
			g.add(&e)
		case <-g.timer.C:
			if !g.proceed() {
				return
			}
		}
	}
}

// add accounts for a process that has ended.
func (g *guard) add(e *end) {
	g.result.User += time.Duration(e.usage.Utime.Nano())
	g.result.System += time.Duration(e.usage.Stime.Nano())
	if memory := maxRSS(&e.usage); memory > ownMaxRSS() { // less may be the guard's own, in which the program was started
		g.result.MaxRSS = max(g.result.MaxRSS, memory)
	}
	if e.pid != g.program {
		return
	}
	g.ended = true
	g.result.Wall = time.Since(g.began)
	g.result.Exit = e.status.ExitStatus()
	if e.status.Signaled() {
		g.result.Exit, g.result.Signal = 128+int(e.status.Signal()), signalName(e.status.Signal())
	}
	switch g.phase {
	case executing:
		g.phase = lingering
		g.timer.Reset(leftBehind)
	case terminating:
		if until := time.Now().Add(leftBehind); until.Before(g.killAt) {
			g.timer.Reset(leftBehind)
		}
	}
}

// proceed takes the next step towards the end of all processes. It reports false if there is none left to take.
func (g *guard) proceed() bool {
	switch g.phase {
	case lingering:
		g.result.LeftBehind = true
		g.terminate(leftGrace)
	case terminating:
		g.kill()
	case killing:
		if time.Now().After(g.giveUpAt) {
			g.result.Left = remaining(g.program, g.mark)
			return false
		}
		g.kill()
	}
	return true
}

// terminate asks all processes to end, once.
func (g *guard) terminate(grace time.Duration) {
	if g.phase >= terminating {
		return
	}
	g.phase, g.killAt = terminating, time.Now().Add(grace)
	signalAll(g.program, syscall.SIGTERM)
	signalAll(g.program, syscall.SIGCONT) // those that are stopped can't end otherwise
	g.timer.Reset(grace)
}

// kill kills all processes. It is called again until none is left: they may start others meanwhile.
func (g *guard) kill() {
	if g.phase != killing {
		g.phase, g.giveUpAt = killing, time.Now().Add(giveUp)
	}
	signalAll(g.program, syscall.SIGKILL)
	g.timer.Reset(killInterval)
}

// ownMaxRSS returns the most memory that the guard has used. The system counts it for programs that it starts, too.
func ownMaxRSS() int64 {
	var own syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &own) != nil {
		return 0
	}
	return maxRSS(&own)
}
