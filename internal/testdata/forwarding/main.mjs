// A service behind the middleware of docs/forwarding.md. For each request it calls the
// URL of its argument. It prints its port, and ends with its standard input.
import http from "node:http";
import { carriers, overrides } from "./snippet.mjs";

const server = http.createServer((req, res) => {
  overrides(req, res, async () => {
    const answer = await fetch(process.argv[2], { headers: { ...carriers(), accept: "application/json" } });
    res.writeHead(answer.status).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
