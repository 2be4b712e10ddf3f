package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// background marks the process that `up --detach` leaves behind.
const background = "CONTROL_PLANE_IN_BACKGROUND"

// A step ends with the control plane ready; readiness gives it a deadline and announces the result.
type (
	step      func(context.Context) error
	readiness func(step) error
)

type options struct {
	dir           string
	detach        bool
	remove        bool
	timeout       time.Duration
	apiserverArgs []string
}

func parse(command string, args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", "", "folder of this control plane")
	if command == "up" {
		flags.BoolVar(&o.detach, "detach", false, "keep running in the background")
		flags.BoolVar(&o.remove, "remove", false, "remove the folder at the end, unless a program died")
		flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long it may take to be ready")
		flags.Func("apiserver-arg", "a further flag of kube-apiserver (repeatable)", func(arg string) error {
			o.apiserverArgs = append(o.apiserverArgs, arg)
			return nil
		})
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.dir == "" || flags.NArg() > 0 {
		return o, fmt.Errorf("%s needs --dir DIR and nothing after the flags", command)
	}
	var err error
	o.dir, err = filepath.Abs(o.dir)
	return o, err
}

func up(args []string) error {
	o, err := parse("up", args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	if o.detach && os.Getenv(background) == "" {
		return leaveBehind(o.dir, args)
	}
	return serve(o)
}

// leaveBehind runs `up` again in a session of its own, until it is ready.
func leaveBehind(dir string, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "control-plane.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	child := exec.Command(self, append([]string{"up"}, args...)...)
	child.Args[0] = "control-plane"
	child.Env = append(os.Environ(), background+"=1")
	child.Stderr = log
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	answers, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	answer, err := bufio.NewReader(answers).ReadString('\n')
	if err != nil {
		_ = child.Wait()
		return fmt.Errorf("it did not start; %s says:\n%s", log.Name(), tail(log.Name(), 20))
	}
	fmt.Print(answer)
	return nil
}

// serve runs a control plane in this process until it is told to end.
func serve(o options) error {
	// Children are tied to the thread that starts them (see program.start): this one lives as long as we do.
	runtime.LockOSThread()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	lock, err := lockPID(o.dir)
	if err != nil {
		return err
	}
	defer lock.release()
	c, err := newCluster(o.dir, o.apiserverArgs)
	if err != nil {
		return err
	}
	defer c.stop()
	lines := make(chan string)
	if !o.detach {
		go readLines(os.Stdin, lines)
	}
	ready := func(work step) error {
		ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
		defer cancel()
		go cancelOn(ctx, cancel, signals)
		if err := work(ctx); err != nil {
			return err
		}
		fmt.Println("ready", c.kubeconfig())
		return nil
	}
	if err := ready(c.start); err != nil {
		return err
	}
	if err := c.run(signals, lines, ready); err != nil {
		return err
	}
	c.stop()
	if o.remove {
		return os.RemoveAll(o.dir)
	}
	return nil
}

// run does what it is told until it is told to end, or a program dies.
func (c *cluster) run(signals <-chan os.Signal, lines <-chan string, ready readiness) error {
	for {
		select {
		case <-signals:
			return nil
		case p := <-c.ended:
			if p.died() {
				return p.obituary()
			}
		case line, open := <-lines:
			if !open {
				return nil
			}
			if err := c.obey(line, ready); err != nil {
				return err
			}
		}
	}
}

// cancelOn lets a signal end the wait for readiness; the signal is put back for whoever asks next.
func cancelOn(ctx context.Context, cancel context.CancelFunc, signals chan os.Signal) {
	select {
	case s := <-signals:
		signals <- s
		cancel()
	case <-ctx.Done():
	}
}

func (c *cluster) obey(line string, ready readiness) error {
	verb, name, _ := strings.Cut(strings.TrimSpace(line), " ")
	p, err := c.find(name)
	if err != nil {
		return err
	}
	switch verb {
	case "stop":
		p.stop()
		fmt.Println("stopped", name)
		return nil
	case "restart", "start":
		return ready(func(ctx context.Context) error {
			if verb == "restart" {
				p.stop()
			}
			if !p.running() {
				if err := p.start(); err != nil {
					return err
				}
			}
			return c.await(ctx, "/readyz")
		})
	default:
		return fmt.Errorf("cannot %q: only restart, stop or start", verb)
	}
}

func readLines(from io.Reader, into chan<- string) {
	scanner := bufio.NewScanner(from)
	for scanner.Scan() {
		into <- scanner.Text()
	}
	close(into)
}

// pidFile is locked while its control plane runs, so that a number left behind by a crash is never believed.
type pidFile struct{ file *os.File }

func lockPID(dir string) (*pidFile, error) {
	file, err := os.OpenFile(filepath.Join(dir, "pid"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("a control plane already runs in %s; `control-plane down --dir %s` ends it", dir, dir)
	}
	if err := file.Truncate(0); err != nil {
		return nil, err
	}
	_, err = file.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	return &pidFile{file}, err
}

func (p *pidFile) release() {
	_ = os.Remove(p.file.Name())
	_ = p.file.Close()
}

func down(args []string) error {
	o, err := parse("down", args)
	if err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(o.dir, "pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("no process id in %s: %w", file.Name(), err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(poll) {
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return nil
		}
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return fmt.Errorf("process %d did not end within 30 s of SIGTERM", pid)
}
