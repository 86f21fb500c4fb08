package zkdata

import "fmt"

// Paths of the cluster's identity.
const (
	ClusterPath   = "/cluster"
	ClusterIDPath = ClusterPath + "/id"
)

// EncodeClusterID gives the value of /cluster/id.
func EncodeClusterID(id string) []byte { return object{{"version", "1"}, {"id", id}}.encode() }

// DecodeClusterID reads /cluster/id.
func DecodeClusterID(data []byte) (string, error) {
	f, err := parseObject(data)
	if err == nil {
		var id string
		if id, err = f.text("id"); err == nil {
			return id, nil
		}
	}
	return "", fmt.Errorf("Failed to parse the cluster id json %s: %w", clip(data), err) //nolint:staticcheck // Kafka's sentence
}
