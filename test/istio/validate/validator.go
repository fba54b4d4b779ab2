//go:build !istio_1_30

package validate

import istiocrd "istio.io/istio/pkg/config/crd"

// newValidator compiles the schemas of a file, and assumes that they are valid.
func newValidator(file string) (*istiocrd.Validator, error) {
	return istiocrd.NewValidatorFromFilesWithOptions([]string{file}, istiocrd.WithoutCRDValidation())
}
