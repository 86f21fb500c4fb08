package zkutil

import (
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// CreateDelegationTokenPaths creates the nodes of token storage.
func (k *KafkaZkClient) CreateDelegationTokenPaths() error {
	if err := k.MakeSurePersistentPathExists(zkdata.DelegationTokenChangesPath); err != nil {
		return err
	}
	return k.MakeSurePersistentPathExists(zkdata.DelegationTokensPath)
}

// CreateTokenChangeNotification tells all brokers that a token changed.
func (k *KafkaZkClient) CreateTokenChangeNotification(tokenID string) error {
	_, err := k.CreateSequentialPersistentPath(zkdata.DelegationTokenChangeSequencePath, []byte(tokenID))
	return err
}

// SetOrCreateDelegationToken writes a token's node.
func (k *KafkaZkClient) SetOrCreateDelegationToken(token zkdata.DelegationToken) error {
	return k.setOrCreate(zkdata.DelegationTokenInfoPath(token.TokenID), zkdata.EncodeDelegationToken(token))
}

// GetDelegationTokenInfo reads a token's node.
func (k *KafkaZkClient) GetDelegationTokenInfo(tokenID string) (token zkdata.DelegationToken, found bool, err error) {
	response := k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: zkdata.DelegationTokenInfoPath(tokenID)})
	if response.Err != nil {
		return zkdata.DelegationToken{}, false, ignore(response.Err, ErrNoNode)
	}
	return zkdata.DecodeDelegationToken(response.Data)
}

// DeleteDelegationToken deletes a token's node and reports whether it existed.
func (k *KafkaZkClient) DeleteDelegationToken(tokenID string) (bool, error) {
	return k.DeleteRecursive(zkdata.DelegationTokenInfoPath(tokenID), zkdata.MatchAnyVersion)
}
