package token

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Link returns the address of a page with a token in the query, under a parameter's name. The
// gateway answers with a cookie, and leads to the page without the parameter. The text of a
// token needs no escape in a query.
func Link(page, parameter, text string) (string, error) {
	u, err := url.Parse(page)
	switch {
	case err != nil:
		return "", err
	case u.Scheme != "https" || u.Host == "":
		return "", fmt.Errorf("%q: want the address of a page that begins with https:// (browsers keep the cookie only then)", page)
	case u.Query().Has(parameter):
		return "", errors.New("the address has the parameter " + parameter + " already")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+parameter+"="+text, "&")
	return u.String(), nil
}
