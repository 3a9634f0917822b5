//go:build tools

// Package tools pins Prometheus. Debian's package is of no use in a cluster: its Kubernetes discovery is removed.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
