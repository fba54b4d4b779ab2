package agent

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// containerMain is the program of the tests' containers.
//
//	serve        listens on $IP:8080, if set; GET /NAME is 200 if there is a file
//	             $DIR/NAME. Ends on SIGTERM, unless there is a file $DIR/stubborn.
//	exit CODE    ends at once
//	fail-until FILE   ends with 0 if there is such a file, else with 1
//	touch FILE   creates a file
//
// It writes starts and ends to $DIR/events.
func containerMain(args []string) int {
	note("start")
	switch args[0] {
	case "serve":
		return serve()
	case "exit":
		code, err := strconv.Atoi(args[1])
		if err != nil {
			return 99
		}
		return code
	case "fail-until":
		if _, err := os.Stat(args[1]); err != nil {
			return 1
		}
		return 0
	case "touch":
		if err := os.WriteFile(args[1], nil, 0o600); err != nil {
			return 1
		}
		return 0
	default:
		return 98
	}
}

// note adds a line to $DIR/events, in one write.
func note(what string) {
	if os.Getenv("NAME") == "" {
		return
	}
	file, err := os.OpenFile(filepath.Join(os.Getenv("DIR"), "events"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	fmt.Fprintf(file, "%s %s\n", os.Getenv("NAME"), what)
}

func serve() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("serving", strings.Join(os.Environ(), " ")) //nolint:forbidigo // this is a program's own output
	if ip := os.Getenv("IP"); ip != "" {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(ip, "8080"))
		if err != nil {
			return 97
		}
		server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := os.Stat(filepath.Join(os.Getenv("DIR"), filepath.Base(r.URL.Path))); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})}
		go func() { _ = server.Serve(listener) }()
	}
	<-ctx.Done()
	note("stop")
	if _, err := os.Stat(filepath.Join(os.Getenv("DIR"), "stubborn")); err == nil {
		select {}
	}
	return 0
}
