package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is one part of the control plane as a child process.
type program struct {
	name    string
	args    []string
	log     string
	process *exec.Cmd
	// done is closed when the process of the last start has ended.
	done chan struct{}
	err  error
	// ended takes the program when it ends without having been asked to.
	ended chan<- *program
}

// start runs the program. Its log is appended to, so that a restart keeps what led to it.
//
// To be called on the main thread only: the kernel kills the child when the thread that made it ends.
func (p *program) start() error {
	path, err := locate(p.name)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := &exec.Cmd{
		Path:        path,
		Args:        append([]string{p.name}, p.args...),
		Env:         cleanEnvironment(),
		Stdout:      log,
		Stderr:      log,
		SysProcAttr: dieWithParent(),
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("failed to start %s: %w", p.name, err)
	}
	done := make(chan struct{})
	p.process, p.done = command, done
	go func() {
		err := command.Wait()
		p.err = err
		close(done)
		p.ended <- p
	}()
	return nil
}

// stop kills the program: there is nothing to save, and a crash is what tests want to see survived.
func (p *program) stop() {
	if p.process == nil {
		return
	}
	_ = p.process.Process.Kill()
	<-p.done
	p.process = nil
}

// running says whether the program was started and not stopped; it may have died meanwhile.
func (p *program) running() bool { return p.process != nil }

// died says whether the program has ended although nobody stopped it.
func (p *program) died() bool {
	if p.process == nil {
		return false
	}
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// obituary says how the program ended, and the end of its log.
func (p *program) obituary() error {
	return fmt.Errorf("%s ended unexpectedly (%v); see %s, which ends:\n%s", p.name, p.err, p.log, tail(p.log, 15))
}

// locate prefers the programs the user provides, as the tests of other operators do.
func locate(name string) (string, error) {
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		path := filepath.Join(assets, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return os.Executable()
}

// cleanEnvironment leaves out settings by which the user's shell could change what the programs do.
func cleanEnvironment() []string {
	var kept []string
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, "ETCD_") || strings.HasSuffix(upper, "_PROXY") || upper == "KUBECONFIG" {
			continue
		}
		kept = append(kept, setting)
	}
	return kept
}

func tail(path string, lines int) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	all := bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n"))
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return bytes.Join(all, []byte("\n"))
}
