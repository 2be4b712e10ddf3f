// Command control-plane is a real Kubernetes control plane in one binary, for tests and the demo.
//
// Called by the name of a program (through a link, or as the first argument), it is that program, unchanged.
// `control-plane up` starts them together and `control-plane down` ends what `up --detach` left running.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	helm "helm.sh/helm/v4/pkg/cmd"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const usage = `A real Kubernetes control plane for tests and the demo.

  control-plane up --dir DIR [--detach] [--remove] [--timeout 120s] [--apiserver-arg=--FLAG=VALUE ...]
      Starts etcd, kube-apiserver and kube-controller-manager, and prints "ready DIR/admin.kubeconfig".
      In the foreground it ends with its standard input, and takes these lines there:
          restart PROGRAM | stop PROGRAM | start PROGRAM     (PROGRAM: etcd, kube-apiserver, kube-controller-manager)
      each answered by "ready ..." or "stopped PROGRAM". --remove removes DIR at the end.
      Programs found in the folder KUBEBUILDER_ASSETS are used instead of the built-in ones.
  control-plane down --dir DIR
      Ends what "up --detach" started there.
  control-plane kubelet --kubeconfig FILE --node-name NAME --root-dir DIR
      A kubelet whose containers do not run, and whose volumes are real.
  control-plane etcd|kube-apiserver|kube-controller-manager|kubectl|helm ARGS...
      The program of that name.
`

func main() {
	args := os.Args
	if filepath.Base(args[0]) == "control-plane" && len(args) > 1 {
		args = args[1:]
	}
	os.Args = append([]string{filepath.Base(args[0])}, args[1:]...)
	switch os.Args[0] {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kubectl":
		os.Exit(cli.Run(kubectl.NewDefaultKubectlCommand()))
	case "helm":
		os.Exit(runHelm())
	case "kubelet":
		exitOn(kubelet(os.Args[1:]))
	case "up":
		exitOn(up(os.Args[1:]))
	case "down":
		exitOn(down(os.Args[1:]))
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
}

func runHelm() int {
	command, err := helm.NewRootCmd(os.Stdout, os.Args[1:], helm.SetupLogging)
	if err != nil {
		fmt.Fprintln(os.Stderr, "helm:", err)
		return 1
	}
	if err := command.Execute(); err != nil {
		var coded helm.CommandError
		if errors.As(err, &coded) {
			return coded.ExitCode
		}
		return 1
	}
	return 0
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "control-plane:", err)
		os.Exit(1)
	}
}
