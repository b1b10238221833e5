// Echo server, io.Copy proxy and client; what the client says is described in ../report.ts.
//
//	programs echo ADDRESS PORT
//	programs proxy ADDRESS PORT UPSTREAM
//	programs client|client-mptcp HOST PORT SIZES
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const stall = 10 * time.Second

func main() {
	mode, address := os.Args[1], net.JoinHostPort(os.Args[2], os.Args[3])
	switch mode {
	case "echo":
		serve(address, echo)
	case "proxy":
		serve(address, func(conn net.Conn) { proxy(conn, os.Args[4]) })
	default:
		client(address, os.Args[4], mode == "client-mptcp")
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Since Go 1.24 a listener speaks MPTCP where the kernel does; here it is asked for, whatever the version.
func serve(address string, handle func(net.Conn)) {
	config := net.ListenConfig{}
	config.SetMultipathTCP(true)
	listener, err := config.Listen(context.Background(), "tcp", address)
	must(err)
	for {
		conn, err := listener.Accept()
		must(err)
		go handle(conn)
	}
}

// Reads and writes: io.Copy of a connection to itself would splice.
func echo(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 65536)
	for {
		n, err := conn.Read(buffer)
		if n > 0 {
			if _, err := conn.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// io.Copy between connections is splice(2).
func proxy(conn net.Conn, upstream string) {
	defer conn.Close()
	other, err := net.Dial("tcp", upstream)
	if err != nil {
		return
	}
	defer other.Close()
	done := make(chan struct{}, 2)
	pump := func(to, from net.Conn) {
		io.Copy(to, from)
		to.(*net.TCPConn).CloseWrite()
		done <- struct{}{}
	}
	go pump(other, conn)
	go pump(conn, other)
	<-done
	<-done
}

type report struct {
	Exchanges int      `json:"exchanges"`
	Bytes     int      `json:"bytes"`
	Wrong     []string `json:"wrong"`
	Timeouts  []string `json:"timeouts"`
}

func client(address, sizes string, mptcp bool) {
	dialer := net.Dialer{Timeout: stall}
	dialer.SetMultipathTCP(mptcp)
	conn, err := dialer.Dial("tcp", address)
	must(err)
	result := report{Wrong: []string{}, Timeouts: []string{}}
	for index, text := range strings.Split(sizes, ",") {
		size, err := strconv.Atoi(text)
		must(err)
		back, err := exchange(conn, size)
		if err != nil {
			result.Timeouts = append(result.Timeouts, fmt.Sprintf("exchange %d, %d bytes: %v", index, size, err))
			break
		}
		if !back {
			result.Wrong = append(result.Wrong, fmt.Sprintf("exchange %d, %d bytes", index, size))
		}
		result.Exchanges++
		result.Bytes += size
	}
	must(json.NewEncoder(os.Stdout).Encode(result))
	io.Copy(io.Discard, os.Stdin)
}

func exchange(conn net.Conn, size int) (equal bool, err error) {
	body := make([]byte, size)
	rand.Read(body)
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(body)
		sent <- err
	}()
	back := make([]byte, size)
	for have := 0; have < size; {
		conn.SetReadDeadline(time.Now().Add(stall))
		n, err := conn.Read(back[have:])
		have += n
		if err != nil {
			return false, fmt.Errorf("after %d bytes: %w", have, err)
		}
	}
	return bytes.Equal(body, back), <-sent
}
