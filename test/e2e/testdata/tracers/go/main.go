// A service with OpenTelemetry's own instrumentation of net/http, that knows nothing of overrides. It
// calls NEXT, and answers as the sample service does.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	otel.SetTracerProvider(trace.NewTracerProvider())
	otel.SetTextMapPropagator(propagation.TraceContext{})
	client := &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)}
	answer := func(w http.ResponseWriter, r *http.Request) {
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, os.Getenv("NEXT"), nil)
		if err != nil {
			log.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		next, err := io.ReadAll(response.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{
			"service": os.Getenv("NAME"), "version": "v1", "status": 200,
			"request": map[string]any{"headers": r.Header}, "calls": []json.RawMessage{next},
		})
	}
	log.Fatal(http.ListenAndServe(":8080", otelhttp.NewHandler(http.HandlerFunc(answer), "answer")))
}
