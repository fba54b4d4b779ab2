// Command page is what a browser sees of the shop in TestBrowser. With ROLE=front it is the front
// end: its pages show its own version, that of the service cart, and who is logged in. With
// ROLE=login it is an OAuth server, which knows one client with one redirect URI, as such servers
// do. It has no secrets, and keeps nothing.
//
//	main.go   environment
//	front.go  the front end
//	login.go  the OAuth server
package main
