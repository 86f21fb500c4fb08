package zkserver

import (
	"slices"
	"time"
)

// noTime marks frames that answer no request.
var noTime time.Time

// authRequest adds an identity to a connection.
type authRequest struct {
	scheme string
	auth   []byte
}

func (r *authRequest) execute(s *Server, o *operation) error {
	o.zxid = 0
	switch {
	case r.scheme == schemeIP:
		o.c.addID(authID{schemeIP, o.c.remote.Addr().String()})
		return nil
	case r.scheme == schemeDigest && r.auth != nil:
		id := digestOf(r.auth)
		if s.cfg.SuperDigest != "" && id == s.cfg.SuperDigest {
			o.c.addID(authID{schemeSuper, ""})
		}
		o.c.addID(authID{schemeDigest, id})
		return nil
	}
	s.stats.authFailed.Add(1)
	s.logger("ZooKeeperServer").Warnf("Authentication failed for scheme: %s", r.scheme)
	o.end = true
	return CodeAuthFailed
}

func (c *connection) addID(id authID) {
	if !slices.Contains(c.ids, id) {
		c.ids = append(slices.Clone(c.ids), id)
	}
}

// saslRequest is a step of a SASL exchange. No mechanism is configured; the answer
// of ZooKeeper without one is an empty success.
type saslRequest struct {
	token []byte
}

func (r *saslRequest) execute(_ *Server, o *operation) error {
	o.zxid = 0
	o.e.Buffer(nil)
	return nil
}
