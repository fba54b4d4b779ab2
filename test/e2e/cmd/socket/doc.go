// Command socket is a service of the sample chain that accepts upgrades. It answers a request with an
// upgrade by 101, and with what it answers to any other request behind that: which versions the request
// reached, and what arrived.
package main
