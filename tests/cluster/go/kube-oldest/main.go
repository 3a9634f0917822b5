// Kube-oldest is, by the name it is called by, the API server or the controllers of the oldest minor version of Kubernetes that the chart
// takes: the tests install the operator's CRDs there and have its Jobs run.
//
// Not all modules of that version's controller-manager are to be had any more. So those of its controllers that the operator
// depends on are started here: Jobs, quotas, garbage collection, namespaces and service accounts.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/controller-manager/pkg/informerfactory"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/pkg/controller"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/job"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/resourcequota"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
	quota "k8s.io/kubernetes/pkg/quota/v1/install"
)

const (
	workers = 10
	resync  = 10 * time.Minute
	look    = 5 * time.Second // for new kinds of objects
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllers()))
	default:
		fmt.Fprintln(os.Stderr, "call this program by the name of a component, not", name)
		os.Exit(2)
	}
}

// controllers takes the flags of a kube-controller-manager, and uses its kubeconfig.
func controllers() *cobra.Command {
	return &cobra.Command{
		Use:                "kube-controller-manager",
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, arguments []string) error {
			for _, each := range arguments {
				if path, found := strings.CutPrefix(each, "--kubeconfig="); found {
					return run(context.Background(), path)
				}
			}
			return fmt.Errorf("--kubeconfig is missing")
		},
	}
}

func run(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 2000, 4000
	client := kubernetes.NewForConfigOrDie(config)
	metadataClient := metadata.NewForConfigOrDie(config)
	typed := informers.NewSharedInformerFactory(client, resync)
	all := informerfactory.NewInformerFactory(typed, metadatainformer.NewSharedInformerFactory(metadataClient, resync))
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	started := make(chan struct{})

	jobs, err := job.NewController(ctx, typed.Core().V1().Pods(), typed.Batch().V1().Jobs(), client)
	if err != nil {
		return err
	}
	accounts, err := serviceaccount.NewServiceAccountsController(
		typed.Core().V1().ServiceAccounts(), typed.Core().V1().Namespaces(), client, serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return err
	}
	namespaces := namespace.NewNamespaceController(
		ctx, client, metadataClient, client.Discovery().ServerPreferredNamespacedResources, typed.Core().V1().Namespaces(), resync, v1.FinalizerKubernetes)
	evaluators := quota.NewQuotaConfigurationForControllers(generic.ListerFuncForResourceFunc(typed.ForResource))
	quotas, err := resourcequota.NewController(ctx, &resourcequota.ControllerOptions{
		QuotaClient:               client.CoreV1(),
		ResourceQuotaInformer:     typed.Core().V1().ResourceQuotas(),
		ResyncPeriod:              controller.StaticResyncPeriodFunc(resync),
		InformerFactory:           all,
		ReplenishmentResyncPeriod: controller.StaticResyncPeriodFunc(resync),
		DiscoveryFunc:             client.Discovery().ServerPreferredNamespacedResources,
		IgnoredResourcesFunc:      evaluators.IgnoredResources,
		InformersStarted:          started,
		Registry:                  generic.NewRegistry(evaluators.Evaluators()),
		UpdateFilter:              quota.DefaultUpdateFilter(),
	})
	if err != nil {
		return err
	}
	garbage, err := garbagecollector.NewGarbageCollector(
		client, metadataClient, mapper, map[schema.GroupResource]struct{}{}, all, started)
	if err != nil {
		return err
	}

	go jobs.Run(ctx, workers)
	go accounts.Run(ctx, 1)
	go namespaces.Run(ctx, workers)
	go quotas.Run(ctx, workers)
	go quotas.Sync(ctx, client.Discovery().ServerPreferredNamespacedResources, look)
	go garbage.Run(ctx, workers)
	go garbage.Sync(ctx, client.Discovery(), look)
	all.Start(ctx.Done())
	close(started)
	<-ctx.Done()
	return nil
}
