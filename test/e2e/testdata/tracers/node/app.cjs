// A service with OpenTelemetry's own instrumentation of http, that knows nothing of overrides.
const { NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { HttpInstrumentation } = require("@opentelemetry/instrumentation-http");

new NodeTracerProvider().register();
registerInstrumentations({ instrumentations: [new HttpInstrumentation()] });

const http = require("http");

http
  .createServer((request, response) => {
    http.get(process.env.NEXT, (next) => {
      let text = "";
      next.on("data", (part) => (text += part));
      next.on("end", () => {
        const headers = Object.fromEntries(Object.entries(request.headersDistinct).map(([name, lines]) => [name.replace(/(^|-)[a-z]/g, (c) => c.toUpperCase()), lines]));
        response.end(JSON.stringify({ service: process.env.NAME, version: "v1", status: 200, request: { headers }, calls: [JSON.parse(text)] }));
      });
    });
  })
  .listen(8080);
