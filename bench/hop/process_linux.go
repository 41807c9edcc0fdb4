package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a running target.
type process struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed once it has ended
}

// pin binds the calling thread, and the processes that it starts, to one CPU.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("binding to CPU %d: %w", cpu, err)
	}
	return nil
}

// start starts a command bound to one CPU, with one thread for Go code, and its output in a file. The caller is bound to
// back afterwards: a child takes over the binding of the thread that starts it.
func start(argv []string, cpu, back int, output string) (*process, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	log, err := os.Create(output)
	if err != nil {
		return nil, fmt.Errorf("making the target's output: %w", err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // no target is left behind when we are killed
	if err := pin(cpu); err != nil {
		return nil, err
	}
	err = cmd.Start()
	if err := pin(back); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("starting the target: %w", err)
	}
	p := &process{cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in its ProcessState
	}()
	return p, nil
}

// await waits until the target takes connections.
func (p *process) await(addr string) error {
	const patience = 20 * time.Second // a cold start takes a second on a busy machine
	for end := time.Now().Add(patience); time.Now().Before(end); {
		select {
		case <-p.done:
			return fmt.Errorf("the target ended with %s, its output: %s", p.cmd.ProcessState, p.output())
		case <-time.After(20 * time.Millisecond):
		}
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("nothing listens on %s, its output: %s", addr, p.output())
}

// output is the end of what the target wrote.
func (p *process) output() string {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	const shown = 2000
	return string(text[max(0, len(text)-shown):])
}

// stop ends the target, by force after a while.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill() // as above
		<-p.done
	}
	_ = p.log.Close()           // only the target wrote to it
	_ = os.Remove(p.log.Name()) // an access log of a run holds hundreds of thousands of lines
}

// tick is the unit of /proc/PID/stat; it is 10 ms on every Linux that Go supports.
const tick = 10 * time.Millisecond

var errStat = errors.New("the process's stat file has another form")

// cpu is the CPU time of a process and of its running descendants.
func cpu(pid int) (time.Duration, error) {
	total, _, err := stat(pid)
	if err != nil {
		return 0, err
	}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("listing processes: %w", err)
	}
	for _, path := range all {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if _, parent, err := stat(child); err == nil && parent == pid {
			used, err := cpu(child)
			if err == nil {
				total += used
			}
		}
	}
	return total, nil
}

// stat reads the CPU time and the parent of a process.
func stat(pid int) (used time.Duration, parent int, err error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("reading the target's CPU time: %w", err)
	}
	end := bytes.LastIndexByte(text, ')') // the name before it may hold anything
	fields := bytes.Fields(text[max(end, 0):])
	const ppid, utime, stime = 2, 12, 13 // counted from the name
	if len(fields) <= stime {
		return 0, 0, errStat
	}
	return time.Duration(number(fields[utime])+number(fields[stime])) * tick, number(fields[ppid]), nil
}

// busy is the time that a CPU has not been idle.
func busy(cpu int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("reading the CPU's time: %w", err)
	}
	name := []byte("cpu" + strconv.Itoa(cpu))
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		const idle, iowait, steal = 4, 5, 8 // after the name: user nice system idle iowait irq softirq steal
		if len(fields) <= steal || !bytes.Equal(fields[0], name) {
			continue
		}
		ticks := 0
		for i := 1; i <= steal; i++ {
			if i != idle && i != iowait {
				ticks += number(fields[i])
			}
		}
		return time.Duration(ticks) * tick, nil
	}
	return 0, errStat
}

// calls is the number of reads and writes that a process has made, on sockets and on files.
func calls(pid int) (int, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/io")
	if err != nil {
		return 0, fmt.Errorf("reading the target's system calls: %w", err)
	}
	total := 0
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(line, []byte(": "))
		if string(name) == "syscr" || string(name) == "syscw" {
			total += number(value)
		}
	}
	return total, nil
}
