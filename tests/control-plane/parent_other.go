//go:build !linux

package main

import "syscall"

// dieWithParent can do nothing here: children end because this process sees its standard input end.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
