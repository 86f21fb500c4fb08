package zkutil

import "github.com/gregor-broker/gregor/zkutil/zkclient"

// RegisterZNodeChangeHandlerAndCheckExistence registers the handler, sets a watch
// whether or not the node exists, and reports whether it does.
func (k *KafkaZkClient) RegisterZNodeChangeHandlerAndCheckExistence(handler zkclient.NodeChangeHandler) (bool, error) {
	k.client.RegisterNodeChangeHandler(handler)
	return k.PathExists(handler.Path)
}

// RegisterZNodeChangeHandler registers the handler; the next read of the path sets
// a watch.
func (k *KafkaZkClient) RegisterZNodeChangeHandler(handler zkclient.NodeChangeHandler) {
	k.client.RegisterNodeChangeHandler(handler)
}

// UnregisterZNodeChangeHandler forgets the handler of the path.
func (k *KafkaZkClient) UnregisterZNodeChangeHandler(path string) {
	k.client.UnregisterNodeChangeHandler(path)
}

// RegisterZNodeChildChangeHandler registers the handler; the next listing of the
// path's children sets a watch.
func (k *KafkaZkClient) RegisterZNodeChildChangeHandler(handler zkclient.ChildChangeHandler) {
	k.client.RegisterChildChangeHandler(handler)
}

// UnregisterZNodeChildChangeHandler forgets the handler of the path.
func (k *KafkaZkClient) UnregisterZNodeChildChangeHandler(path string) {
	k.client.UnregisterChildChangeHandler(path)
}

// RegisterStateChangeHandler registers a handler of new sessions.
func (k *KafkaZkClient) RegisterStateChangeHandler(handler zkclient.StateChangeHandler) {
	k.client.RegisterStateChangeHandler(handler)
}

// UnregisterStateChangeHandler forgets the handler of that name.
func (k *KafkaZkClient) UnregisterStateChangeHandler(name string) {
	k.client.UnregisterStateChangeHandler(name)
}
