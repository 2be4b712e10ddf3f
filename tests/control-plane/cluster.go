package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const poll = 20 * time.Millisecond

// cluster is a control plane in a folder: pki/, etcd/, logs/ and admin.kubeconfig.
type cluster struct {
	dir      string
	server   string
	pki      *pki
	client   *http.Client
	programs []*program
	ended    chan *program
}

// newCluster prepares the folder, and forgets what an earlier control plane left in it.
func newCluster(dir string, apiserverArgs []string) (*cluster, error) {
	for _, old := range []string{"etcd", "pki", "logs"} {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		return nil, err
	}
	keys, err := newPKI(filepath.Join(dir, "pki"))
	if err != nil {
		return nil, fmt.Errorf("failed to write certificates: %w", err)
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	c := &cluster{
		dir:    dir,
		pki:    keys,
		server: fmt.Sprintf("https://127.0.0.1:%d", ports[0]),
		ended:  make(chan *program, 16),
	}
	if c.client, err = adminClient(keys); err != nil {
		return nil, err
	}
	etcd := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	c.add("etcd", etcdArgs(filepath.Join(dir, "etcd"), etcd, fmt.Sprintf("http://127.0.0.1:%d", ports[2])))
	c.add("kube-apiserver", append(apiserverFlags(keys, etcd, ports[0]), apiserverArgs...))
	c.add("kube-controller-manager", controllerManagerArgs(keys, c.kubeconfig()))
	return c, writeKubeconfig(c.kubeconfig(), c.server, keys)
}

func (c *cluster) kubeconfig() string { return filepath.Join(c.dir, "admin.kubeconfig") }

func (c *cluster) add(name string, args []string) {
	log := filepath.Join(c.dir, "logs", name+".log")
	c.programs = append(c.programs, &program{name: name, args: args, log: log, ended: c.ended})
}

func (c *cluster) find(name string) (*program, error) {
	for _, p := range c.programs {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no program %q: etcd, kube-apiserver or kube-controller-manager", name)
}

// start runs everything and waits until namespaces can be used: the API server is ready and the
// controllers have made the default service account.
func (c *cluster) start(ctx context.Context) error {
	for _, p := range c.programs {
		// The controller manager gives up when the API server isn't there yet.
		if p.name == "kube-controller-manager" {
			if err := c.await(ctx, "/readyz"); err != nil {
				return err
			}
		}
		if err := p.start(); err != nil {
			return err
		}
	}
	return c.await(ctx, "/api/v1/namespaces/default/serviceaccounts/default")
}

// stop kills everything, dependents first, so that none logs the loss of another.
func (c *cluster) stop() {
	for i := len(c.programs) - 1; i >= 0; i-- {
		c.programs[i].stop()
	}
}

// await asks the API server until it answers the path with 200.
func (c *cluster) await(ctx context.Context, path string) error {
	for {
		last := c.get(ctx, path)
		if last == nil {
			return nil
		}
		for _, p := range c.programs {
			if p.died() {
				return p.obituary()
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s%s not ready in time (%w); last answer: %v; see %s", c.server, path,
				context.Cause(ctx), last, filepath.Join(c.dir, "logs"))
		case <-time.After(poll):
		}
	}
}

func (c *cluster) get(ctx context.Context, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+path, nil)
	if err != nil {
		return err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return err
}

func adminClient(p *pki) (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(p.path("admin.crt"), p.path("admin.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.ca)
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	// No proxy, and no connection kept: the server is killed and started again in between.
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, nil
}

// freePorts looks below the ports that the system gives to outgoing connections, because a restarted
// program needs its port again.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer listener.Close()
		if ports = append(ports, port); len(ports) == count {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("found no %d free ports from 20000 to 31999 on 127.0.0.1", count)
}
