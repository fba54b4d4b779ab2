// Package token makes and checks override tokens: JWTs that say which versions their holder may
// ask for. A gateway or a sidecar that takes overrides from tokens alone follows no header that
// it did not make of a valid one.
//
//	key.go     keys that sign, and the sets of public keys that proxies get
//	claims.go  what a token says
//	mint.go    tokens, within limits
//	verify.go  what a proxy accepts, and why it does not accept the rest
//	link.go    links that carry a token
//
// In: keys, claims and a time. Out: tokens, or a reason. The claim override has exactly the
// grammar of the header, so what a proxy copies out of a token needs no other rule. The package
// reads no clock, file or environment. No error has a part of a private key, or a signature.
package token
