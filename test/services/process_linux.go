package services

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// attributes has the process killed when the test ends in any way, a kill of the test included.
func attributes(c *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: c, Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// descendants lists the processes that a process started, and those that these started. A group is not enough: each process
// of PostgreSQL has one of its own.
func descendants(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent := parentOf(child); parent > 0 {
			children[parent] = append(children[parent], child)
		}
	}
	found := slices.Clone(children[pid])
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found
}

// alive reports whether a process runs, or may.
func alive(pid int) bool {
	state, _ := status(pid)
	return state != "" && state != "Z" && state != "X" // what is left of one that ended holds nothing
}

// parentOf reads who started a process, 0 where it ended meanwhile.
func parentOf(pid int) int {
	_, parent := status(pid)
	return parent
}

// status reads the state and the parent of a process, nothing where there is none.
func status(pid int) (state string, parent int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	// The name is in parentheses and may hold any character; state and parent follow it.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	if parent, err = strconv.Atoi(fields[1]); err != nil {
		return "", 0
	}
	return fields[0], parent
}
