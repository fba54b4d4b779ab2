package cli

import (
	"encoding/json"
	"strings"
)

// snippets are the outputs of header for programs that send requests. NAME and VALUE are
// replaced by the header's, quoted as in JSON, which JavaScript and Python read alike.
var snippets = map[string]string{
	"js": `// node request.mjs URL
const response = await fetch(process.argv[2], { headers: { NAME: VALUE } });
console.log(await response.text());`,
	"python": `# python3 request.py URL
import sys
import urllib.request

request = urllib.request.Request(sys.argv[1], headers={NAME: VALUE})
with urllib.request.urlopen(request) as response:
    print(response.read().decode())`,
	"k6": `// k6 run -e URL=URL script.js
import http from 'k6/http';

const params = { headers: { NAME: VALUE } };

export default function () {
  http.get(__ENV.URL, params);
}`,
	"playwright": `// playwright.config.js. Pages send the header with every request, to other sites too.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  use: { extraHTTPHeaders: { NAME: VALUE } },
});`,
	"cypress": `// cypress/support/e2e.js. Pages send the header to the site at baseUrl only.
beforeEach(() => {
  cy.intercept(Cypress.config('baseUrl') + '/**', (request) => {
    request.headers[NAME] = VALUE;
  });
});`,
	"postman": `// The script before requests, of a collection or a request.
pm.request.headers.upsert({ key: NAME, value: VALUE });`,
}

// snippet returns the lines with which a program sends a header.
func snippet(program, name, value string) string {
	return strings.NewReplacer("NAME", jsonQuote(name), "VALUE", jsonQuote(value)).Replace(snippets[program])
}

func jsonQuote(s string) string {
	// A string can always be encoded, and a header is valid UTF-8.
	quoted, _ := json.Marshal(s)
	return string(quoted)
}
