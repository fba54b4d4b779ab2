// Package browser drives installed browsers, headless, by WebDriver BiDi
// (https://w3c.github.io/webdriver-bidi/): Chromium through ChromeDriver, and Firefox, which
// speaks it itself.
//
// Input: the kind of browser and a proxy for its connections. Output: what a page has, and
// pictures of it. A person's clicks and keys are the browser's own input events.
//
//	browser.go  Kind, Browser: pages, clicks, keys, pictures
//	start.go    starting Chromium and Firefox
//	bidi.go     commands and their results
package browser
