package main

import "syscall"

// dieWithParent has the kernel kill the child when this process ends, however it ends.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
