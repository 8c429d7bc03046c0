// Command cluster is a part of Kubernetes, as its first word says: etcd, the API server, the controllers, the scheduler.
// They are one program because most of their code is the same. Nothing of them is changed; there is no kubelet.
package main

import (
	"fmt"
	"os"
	_ "time/tzdata" // Jobs may name time zones

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	parts := map[string]func() *cobra.Command{
		"kube-apiserver":          apiserver.NewAPIServerCommand,
		"kube-controller-manager": controllers.NewControllerManagerCommand,
		"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	}
	if len(os.Args) > 1 {
		os.Args = os.Args[1:] // each reads its flags behind its own name
		if os.Args[0] == "etcd" {
			etcdmain.Main(os.Args)
			return
		}
		if part, found := parts[os.Args[0]]; found {
			os.Exit(cli.Run(part()))
		}
	}
	fmt.Fprintln(os.Stderr, "usage: cluster etcd|kube-apiserver|kube-controller-manager|kube-scheduler FLAG...")
	os.Exit(2)
}
