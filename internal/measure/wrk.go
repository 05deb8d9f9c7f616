package measure

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

var requestsASecond = regexp.MustCompile(`Requests/sec: *([0-9.]+)`)

// Accepts implements Side. wrk counts in seconds.
func (s *stack) Accepts(d time.Duration) (float64, error) {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return 0, errors.ErrUnsupported
	}
	e, err := s.ready(usual)
	if err != nil {
		return 0, err
	}
	l, addr, err := e.serve(func(c net.Conn) {
		head := make([]byte, 0, 1024)
		for !bytes.Contains(head, []byte("\r\n\r\n")) && len(head) < cap(head) {
			n, err := c.Read(head[len(head):cap(head)])
			if head = head[:len(head)+n]; err != nil {
				return
			}
		}
		_, _ = io.WriteString(c, answer)
	})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	length := strconv.Itoa(max(1, int(d.Round(time.Second).Seconds()))) + "s"
	out, err := exec.Command(wrk, "-t1", "-c16", "-d"+length, "-H", "Connection: close",
		"https://"+addr+"/").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	found := requestsASecond.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("wrk: %s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
