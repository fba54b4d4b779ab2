package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/token"
)

const tokenLong = `Token makes and checks tokens: signed statements (JWTs) that say which versions their holder
may ask for. A gateway that takes overrides from tokens alone follows no header that somebody
has written by hand.

A private key signs tokens; gateways know the public ones. Keys and tokens are secrets: they
are read from files or stdin (-), and never from the command line.`

const tokenExamples = `# a key, and what gateways may know of it
overrides token keygen --out key.json
overrides token jwks key.json > jwks.json

# a token for an hour
overrides token mint --key key.json --subject ada@example.com 'checkout.shop:pr-118' > token

# what it says, and whether a gateway would accept it
overrides token inspect token
overrides token verify --jwks jwks.json token`

// tokenCommand is the command token, whose subcommands do the work.
func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "Make and check tokens that permit overrides", Long: tokenLong, Example: a.examples(tokenExamples),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, c := range []*cobra.Command{a.keygenCommand(), a.jwksCommand(), a.mintCommand(), a.inspectCommand(), a.verifyCommand()} {
		completeRest(c)
		cmd.AddCommand(c)
	}
	return cmd
}

// maxSecretBytes limits the files that these commands read.
const maxSecretBytes = 1 << 20

// readSecret reads a file, or stdin for "-". Its content is in no error.
func (a *app) readSecret(path string) ([]byte, error) {
	in := a.In
	if path != "-" {
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("%w", err)
		}
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	out, err := io.ReadAll(io.LimitReader(in, maxSecretBytes))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return out, nil
}

// readToken reads a token from the file of the arguments, or from stdin.
func (a *app) readToken(args []string) (string, error) {
	path := "-"
	if len(args) > 0 {
		path = args[0]
	}
	if strings.HasPrefix(path, "ey") && strings.Count(path, ".") == 2 {
		return "", usagef("give a file, or pipe the token to stdin: the command line is visible to others")
	}
	text, err := a.readSecret(path)
	return strings.TrimSpace(string(text)), err
}

// mintOptions are the flags of token mint.
type mintOptions struct {
	key     string
	request token.Request
	limits  token.Limits
	output  format
}

func (a *app) mintCommand() *cobra.Command {
	o := &mintOptions{}
	cmd := &cobra.Command{
		Use:   "mint --key FILE --subject NAME MEMBER...",
		Short: "Make a token that permits overrides",
		Long: `Mint prints a token that permits exactly the given members, written as in the header. It
refuses what --allow and --max-lifetime don't allow, with all reasons.`,
		Example: a.examples(`# for one service, half an hour
overrides token mint --key key.json --subject ada@example.com --lifetime 30m 'checkout.shop:v2'

# only for services of one namespace, as a header for curl
overrides token mint --key - --subject ci --allow '*.shop' -o curl '*.shop:pr-118' < key.json`),
		RunE: a.run(func(_ context.Context, args []string) error { return a.mint(o, args) }),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.key, "key", "", "`file` with the private key, - for stdin")
	flags.StringVar(&o.request.Subject, "subject", "", "`name` of whom the token is for (claim sub)")
	flags.StringVar(&o.request.Issuer, "issuer", token.DefaultIssuer, "`name` of who makes it (claim iss)")
	flags.StringVar(&o.request.Audience, "audience", token.DefaultAudience, "`name` of those that accept it (claim aud)")
	flags.StringVar(&o.request.ID, "id", "", "`text` by which it can be revoked (claim jti); random by default")
	flags.DurationVar(&o.request.Lifetime, "lifetime", token.DefaultLifetime, "how `long` it is valid")
	flags.StringSliceVar(&o.limits.Services, "allow", nil, "`services` that it may be for: checkout.shop, '*.shop', '*' (all by default)")
	flags.DurationVar(&o.limits.Lifetime, "max-lifetime", 0, "`longest` lifetime that is allowed; 0 for any")
	addFormat(cmd, &o.output, "output format", "token", "header", "curl", "json")
	return cmd
}

func (a *app) mint(o *mintOptions, args []string) error {
	switch {
	case o.key == "":
		return usagef("--key FILE is needed: make one with %s token keygen", a.name)
	case len(args) == 0:
		return usagef("name the versions that the token permits, as in 'checkout.shop:v2'")
	case o.request.ID == "":
		o.request.ID = rand.Text()
	}
	text, err := a.readSecret(o.key)
	if err != nil {
		return err
	}
	key, err := token.ParseKey(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", o.key, err)
	}
	if o.request.Members, err = grammar.Parse(args...); err != nil {
		return err
	}
	made, claims, err := token.Mint(key, &o.request, &o.limits, time.Now())
	if err != nil {
		return err
	}
	switch o.output.value {
	case "json":
		return encodeJSON(a.Out, map[string]any{"token": made, "claims": claims, "expires": time.Unix(claims.Expiry, 0).UTC().Format(time.RFC3339)})
	case "header":
		made = token.DefaultHeader + ": " + made
	case "curl":
		made = "-H " + shellQuote(token.DefaultHeader+": "+made)
	}
	_, err = fmt.Fprintln(a.Out, made)
	return err
}

func (a *app) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use: "inspect [FILE]", Short: "Show what a token says, without checking it", Args: cobra.MaximumNArgs(1),
		Long:    `Inspect prints what a token says, as JSON. It does not check who has signed it: see token verify.`,
		Example: a.examples("overrides token inspect token"),
		RunE: a.run(func(_ context.Context, args []string) error {
			text, err := a.readToken(args)
			if err != nil {
				return err
			}
			header, claims, err := token.Inspect(text)
			if err != nil {
				return err
			}
			return encodeJSON(a.Out, map[string]any{"header": header, "claims": claims, "times": times(claims)})
		}),
	}
}

// times returns the times of claims for people, by the names of the claims.
func times(claims map[string]any) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"iat", "nbf", "exp"} {
		if seconds, is := claims[name].(float64); is {
			out[name] = time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
		}
	}
	return out
}

func (a *app) verifyCommand() *cobra.Command {
	var jwks string
	want := &token.Expected{}
	cmd := &cobra.Command{
		Use: "verify --jwks FILE [FILE]", Short: "Check whether a token would be accepted", Args: cobra.MaximumNArgs(1),
		Long: `Verify prints what a token permits, and ends with exit code 0, if a gateway with these keys
would accept it now. Else it says why not.`,
		Example: a.examples("overrides token verify --jwks jwks.json token"),
		RunE: a.run(func(_ context.Context, args []string) error {
			if jwks == "" {
				return usagef("--jwks FILE is needed: print one with %s token jwks", a.name)
			}
			text, err := a.readToken(args)
			if err != nil {
				return err
			}
			set, err := a.readSecret(jwks)
			if err != nil {
				return err
			}
			keys, err := token.ParseKeySet(set)
			if err != nil {
				return fmt.Errorf("read %s: %w", jwks, err)
			}
			claims, err := token.Verify(text, keys, want, time.Now())
			if err != nil {
				return fmt.Errorf("the token is not accepted: %w", err)
			}
			_, err = fmt.Fprintf(a.Out, "%s\n", claims.Override)
			a.say("valid for %s until %s", claims.Subject, time.Unix(claims.Expiry, 0).UTC().Format(time.RFC3339))
			return err
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&jwks, "jwks", "", "`file` with the public keys")
	flags.StringVar(&want.Issuer, "issuer", token.DefaultIssuer, "`name` that the claim iss must have")
	flags.StringVar(&want.Audience, "audience", token.DefaultAudience, "`name` that the claim aud must have")
	flags.DurationVar(&want.MaxLifetime, "max-lifetime", 0, "`longest` lifetime that is accepted; 0 for any")
	return cmd
}

func (a *app) keygenCommand() *cobra.Command {
	var algorithm, out string
	cmd := &cobra.Command{
		Use: "keygen", Short: "Make a private key that signs tokens", Args: cobra.NoArgs,
		Long: `Keygen makes a private key and prints it as a JSON Web Key. It is a secret: --out writes it into
a file that only you can read.`,
		Example: a.examples("overrides token keygen --out key.json"),
		RunE: a.run(func(context.Context, []string) error {
			if !slices.Contains(token.Algorithms, algorithm) {
				return usagef("--algorithm: want one of %s", strings.Join(token.Algorithms, ", "))
			}
			if out == "" && isTerminal(a.Out) {
				return usagef("a private key does not belong on a screen: write it to a file with --out FILE, or pipe it")
			}
			key, err := token.NewKey(algorithm, rand.Reader)
			if err != nil {
				return err
			}
			text, err := json.Marshal(key)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = fmt.Fprintf(a.Out, "%s\n", text)
				return err
			}
			return writeSecret(out, append(text, '\n'))
		}),
	}
	cmd.Flags().StringVar(&algorithm, "algorithm", token.Algorithms[0], "`algorithm` of signatures: "+strings.Join(token.Algorithms, " or "))
	cmd.Flags().StringVar(&out, "out", "", "`file` to create, readable by you only")
	return cmd
}

// writeSecret creates a file that only its owner can read. It replaces none.
func writeSecret(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%w: a key that is in use would be lost", err)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

func (a *app) jwksCommand() *cobra.Command {
	return &cobra.Command{
		Use: "jwks KEYFILE...", Short: "Print the public keys for gateways", Args: cobra.MinimumNArgs(1),
		Long: `Jwks prints the public part of private keys as one JSON Web Key Set. To
replace a key, give gateways the old and the new one first, then sign with the new one, and leave
the old one out when its last token has expired.`,
		Example: a.examples("overrides token jwks new.json old.json > jwks.json"),
		RunE: a.run(func(_ context.Context, args []string) error {
			var keys []*token.Key
			for _, path := range args {
				text, err := a.readSecret(path)
				if err != nil {
					return err
				}
				key, err := token.ParseKey(text)
				if err != nil {
					return fmt.Errorf("read %s: %w", path, err)
				}
				keys = append(keys, key)
			}
			return encodeJSON(a.Out, token.Public(keys...))
		}),
	}
}
