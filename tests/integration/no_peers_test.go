//go:build !peers

package integration

// What has to be installed is in peers_test.go.
var (
	peerClients  []client
	peerClusters []clusterKind
)
