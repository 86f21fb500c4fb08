package zkclient

// NodeChangeHandler is told of changes of one node (ZNodeChangeHandler). A
// function that is nil is not called.
type NodeChangeHandler struct {
	Path             string
	HandleCreation   func()
	HandleDeletion   func()
	HandleDataChange func()
}

// ChildChangeHandler is told when a node got or lost children
// (ZNodeChildChangeHandler).
type ChildChangeHandler struct {
	Path              string
	HandleChildChange func()
}

// StateChangeHandler is told of a new session (StateChangeHandler). A function
// that is nil is not called.
type StateChangeHandler struct {
	Name string
	// BeforeInitializingSession runs after expiry, before the new session is made.
	BeforeInitializingSession func()
	// AfterInitializingSession runs when the new session may be used; it may not
	// be connected yet.
	AfterInitializingSession func()
}

func call(f func()) {
	if f != nil {
		f()
	}
}

// RegisterNodeChangeHandler makes reads of the handler's path set a data watch. It
// sends nothing. A handler replaces an earlier one of its path.
func (c *Client) RegisterNodeChangeHandler(handler NodeChangeHandler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodeHandlers[handler.Path] = handler
}

// UnregisterNodeChangeHandler forgets the handler; a watch may stay set on the
// server, its event is ignored.
func (c *Client) UnregisterNodeChangeHandler(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.nodeHandlers, path)
}

// RegisterChildChangeHandler makes GetChildren requests of the handler's path set
// a child watch. It sends nothing.
func (c *Client) RegisterChildChangeHandler(handler ChildChangeHandler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.childHandlers[handler.Path] = handler
}

// UnregisterChildChangeHandler forgets the handler.
func (c *Client) UnregisterChildChangeHandler(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.childHandlers, path)
}

// RegisterStateChangeHandler adds a handler of new sessions. It replaces an
// earlier one of its name.
func (c *Client) RegisterStateChangeHandler(handler StateChangeHandler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stateHandlers[handler.Name] = handler
}

// UnregisterStateChangeHandler forgets the handler of that name.
func (c *Client) UnregisterStateChangeHandler(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.stateHandlers, name)
}

func (c *Client) hasNodeHandler(path string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.nodeHandlers[path]
	return ok
}

func (c *Client) hasChildHandler(path string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.childHandlers[path]
	return ok
}
