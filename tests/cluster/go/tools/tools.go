//go:build tools

// Package tools pins all programs but Kubernetes itself: those that the built-in node runs beside it, Prometheus, and
// the Helm and promtool of the tests. They are built from this module's go.mod and go.sum, so that nothing a user has
// installed is used or touched. One module for all: what they share is compiled once. Kubernetes has its own, for its
// releases are tested with older versions of the same packages.
//
// Debian's Prometheus is of no use in a cluster: its Kubernetes discovery is removed.
package tools

import (
	_ "github.com/containerd/containerd/v2/cmd/containerd"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
	_ "github.com/containerd/containerd/v2/cmd/ctr"
	_ "github.com/containernetworking/plugins/plugins/ipam/host-local"
	_ "github.com/containernetworking/plugins/plugins/main/bridge"
	_ "github.com/containernetworking/plugins/plugins/main/loopback"
	_ "github.com/containernetworking/plugins/plugins/meta/portmap"
	_ "github.com/opencontainers/runc"
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
	_ "helm.sh/helm/v4/cmd/helm"
)
