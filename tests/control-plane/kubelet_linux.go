package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	cri "k8s.io/cri-client/pkg"
	"k8s.io/cri-client/pkg/fake"
	cadvisor "k8s.io/kubernetes/pkg/kubelet/cadvisor/testing"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	"k8s.io/kubernetes/pkg/kubemark"
)

// kubelet is Kubernetes' own kubelet with a container runtime that starts nothing. Volumes are real: what a pod would
// find mounted is below DIR/pods/UID/volumes, written when a kubelet with its default settings would write it.
func kubelet(args []string) error {
	flags := flag.NewFlagSet("kubelet", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	node := flags.String("node-name", "", "name of its node")
	dir := flags.String("root-dir", "", "folder for its files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *kubeconfig == "" || *node == "" || *dir == "" {
		return fmt.Errorf("kubelet needs --kubeconfig, --node-name and --root-dir")
	}
	// What it makes beside its root folder goes there, too.
	if err := os.Setenv("TMPDIR", *dir); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx := context.Background()
	runtime := fake.NewFakeRemoteRuntime()
	endpoint := "unix://" + filepath.Join(*dir, "cri.sock")
	if err := runtime.Start(endpoint); err != nil {
		return fmt.Errorf("failed to start the runtime: %w", err)
	}
	service, err := cri.NewRemoteRuntimeService(ctx, endpoint, 15*time.Second, noop.NewTracerProvider(), false)
	if err != nil {
		return err
	}
	settings, configuration := kubemark.GetHollowKubeletConfig(&kubemark.HollowKubeletOptions{NodeName: *node, MaxPods: 110})
	settings.RootDirectory = *dir
	configuration.EnableServer = false
	// Its default, which is not that of a test of scale.
	configuration.SyncFrequency.Duration = time.Minute
	hollow := kubemark.NewHollowKubelet(settings, configuration, client, client,
		&cadvisor.Fake{NodeName: *node}, runtime.ImageService, service, cm.NewStubContainerManager())
	// Whoever started it has gone when its standard input ends.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	hollow.Run(ctx)
	return nil
}
