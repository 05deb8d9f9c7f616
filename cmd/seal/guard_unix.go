//go:build !windows

package main

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// A guard is a process that ends the programs of --exec, with all that they started,
// when this process has ended in any way, SIGKILL included. It reads the numbers of
// their process groups from a pipe whose end is the end of this process.
type guard struct {
	mu     sync.Mutex
	groups *os.File // the pipe
	shell  *exec.Cmd
}

// guardScript is the guard. A line is "+" or "-" and a group. At the end it asks the
// groups to end, and after the time of grace it kills them.
const guardScript = `trap '' HUP INT TERM
all=' '
while read -r what group; do
	case $what$all in
	+*) all="$all$group " ;;
	-*" $group "*) all="${all%%" $group "*} ${all#*" $group "}" ;;
	esac
done
[ "$all" = ' ' ] && exit
for group in $all; do kill -s TERM -- "-$group"; done
sleep 2
for group in $all; do kill -s KILL -- "-$group"; done
`

// startGuard starts a guard. It is in a group of its own, which no signal of a
// terminal reaches.
func startGuard() (*guard, error) {
	in, groups, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	child := exec.Command(shell[0], append(shell[1:len(shell):len(shell)], guardScript)...)
	child.Stdin, child.Dir = in, "/"
	child.Env = []string{"PATH=/usr/bin:/bin"}
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := child.Start(); err != nil {
		groups.Close()
		return nil, err
	}
	return &guard{groups: groups, shell: child}, nil
}

// add adds the process group of a program to those that the guard ends.
func (g *guard) add(group int) { g.write("+", group) }

// remove removes the process group of a program that has ended.
func (g *guard) remove(group int) { g.write("-", group) }

func (g *guard) write(what string, group int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	// If the guard was killed, the write fails and programs run without one.
	_, _ = fmt.Fprintf(g.groups, "%s %d\n", what, group)
}

// close ends the guard. Programs that it still has are ended.
func (g *guard) close() {
	g.groups.Close()
	_ = g.shell.Wait()
}
