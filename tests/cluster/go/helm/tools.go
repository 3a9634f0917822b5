//go:build tools

// Package tools pins Helm: the tests render and install the chart with exactly this version.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
