package zkclient

import (
	"fmt"
	"time"

	"github.com/go-zookeeper/zk"
)

// do sends one request and waits for the answer.
func (s *session) do(request Request) Response {
	start := time.Now()
	response := Response{Path: request.path()}
	err := s.await()
	if err == nil {
		err = s.call(request, &response)
	}
	response.Err = keeperError(err, response.Path)
	response.Latency = time.Since(start)
	return response
}

func (s *session) call(request Request, response *Response) error {
	if r, ok := request.(MultiRequest); ok {
		return s.multi(r, response)
	}
	path, err := s.client.addChroot(request.path())
	if err != nil {
		return err
	}
	switch r := request.(type) {
	case GetDataRequest:
		return s.getData(r, path, response)
	case ExistsRequest:
		return s.exists(r, path, response)
	case GetChildrenRequest:
		return s.getChildren(r, path, response)
	case CreateRequest:
		name, err := s.conn.Create(path, r.Data, int32(r.Mode), r.ACL)
		if err == nil {
			response.Name = s.client.stripChroot(name)
		}
		return err
	case SetDataRequest:
		stat, err := s.conn.Set(path, r.Data, r.Version)
		return response.take(stat, err)
	case DeleteRequest:
		return s.conn.Delete(path, r.Version)
	case GetACLRequest:
		acl, stat, err := s.conn.GetACL(path)
		response.ACL = acl
		return response.take(stat, err)
	case SetACLRequest:
		stat, err := s.conn.SetACL(path, r.ACL, r.Version)
		return response.take(stat, err)
	case SyncRequest:
		_, err := s.conn.Sync(path)
		return err
	}
	panic(fmt.Sprintf("zkclient: unknown request %T", request))
}

// take keeps a Stat that came without an error.
func (r *Response) take(stat *zk.Stat, err error) error {
	if err == nil {
		r.Stat = *stat
	}
	return err
}

// watching runs a read with a watch if a handler wants one and none is set.
func (s *session) watching(wanted bool, key watchKey, read func(watch bool) (isSet bool, err error)) error {
	generation := 0
	if wanted {
		wanted, generation = s.needsWatch(key)
	}
	isSet, err := read(wanted)
	if wanted && isSet {
		s.watchSet(key, generation)
	}
	return err
}

func (s *session) getData(r GetDataRequest, path string, response *Response) error {
	key := watchKey{r.Path, dataWatch}
	return s.watching(s.client.hasNodeHandler(r.Path), key, func(watch bool) (bool, error) {
		var stat *zk.Stat
		var err error
		if watch {
			response.Data, stat, _, err = s.conn.GetW(path)
		} else {
			response.Data, stat, err = s.conn.Get(path)
		}
		return err == nil, response.take(stat, err)
	})
}

func (s *session) exists(r ExistsRequest, path string, response *Response) error {
	key := watchKey{r.Path, dataWatch}
	return s.watching(s.client.hasNodeHandler(r.Path), key, func(watch bool) (bool, error) {
		var exists bool
		var stat *zk.Stat
		var err error
		if watch {
			exists, stat, _, err = s.conn.ExistsW(path)
		} else {
			exists, stat, err = s.conn.Exists(path)
		}
		isSet := err == nil
		if err == nil && !exists {
			err = zk.ErrNoNode
		}
		return isSet, response.take(stat, err)
	})
}

func (s *session) getChildren(r GetChildrenRequest, path string, response *Response) error {
	key := watchKey{r.Path, childWatch}
	wanted := r.RegisterWatch && s.client.hasChildHandler(r.Path)
	return s.watching(wanted, key, func(watch bool) (bool, error) {
		var stat *zk.Stat
		var err error
		if watch {
			response.Children, stat, _, err = s.conn.ChildrenW(path)
		} else {
			response.Children, stat, err = s.conn.Children(path)
		}
		return err == nil, response.take(stat, err)
	})
}

func (s *session) multi(r MultiRequest, response *Response) error {
	ops := make([]any, len(r.Ops))
	for i, op := range r.Ops {
		path, err := s.client.addChroot(op.path())
		if err != nil {
			return err
		}
		switch o := op.(type) {
		case CreateRequest:
			ops[i] = &zk.CreateRequest{Path: path, Data: o.Data, Acl: o.ACL, Flags: int32(o.Mode)}
		case DeleteRequest:
			ops[i] = &zk.DeleteRequest{Path: path, Version: o.Version}
		case SetDataRequest:
			ops[i] = &zk.SetDataRequest{Path: path, Data: o.Data, Version: o.Version}
		case CheckOp:
			ops[i] = &zk.CheckVersionRequest{Path: path, Version: o.Version}
		default:
			panic(fmt.Sprintf("zkclient: %T cannot be part of a MultiRequest", op))
		}
	}
	results, err := s.conn.Multi(ops...)
	if len(results) != len(ops) {
		return err
	}
	response.Results = make([]OpResult, len(results))
	for i, result := range results {
		out := &response.Results[i]
		out.Err = keeperError(result.Error, r.Ops[i].path())
		out.Name = s.client.stripChroot(result.String)
		if result.Stat != nil {
			out.Stat = *result.Stat
		}
	}
	return err
}
