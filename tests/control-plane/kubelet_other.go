//go:build !linux

package main

import "errors"

func kubelet([]string) error { return errors.New("a kubelet runs on Linux only") }
