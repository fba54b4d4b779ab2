package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

// The only redirect URI, and where the OAuth server is.
const (
	redirectURI = "https://shop.example.com/callback"
	authorize   = "https://login.example.com/authorize"
	token       = "http://login/token"
)

func main() {
	handler := http.NewServeMux()
	handler.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	if os.Getenv("ROLE") == "login" {
		login(handler)
	} else {
		front(handler, os.Getenv("VERSION"), os.Getenv("NEXT"))
	}
	server := &http.Server{Addr: ":8080", Handler: handler, ReadHeaderTimeout: time.Minute}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}
