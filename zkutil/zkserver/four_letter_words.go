package zkserver

import (
	"bufio"
)

func (s *Server) fourLetterWord(c *connection, in *bufio.Reader) (bool, error) {
	return false, nil
}
