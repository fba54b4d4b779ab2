// Package underload installs, upgrades and uninstalls the Helm chart on a local mesh, whose
// pods are those of the chart, while requests are sent and each is judged by which version
// served it.
//
// Services shop and cart have a released version and previews, that may be asked for as
// soon as they are overridable; control, over the pods of shop, is left alone by Overrides:
// what fails there too is not ours. Of shop the previews are deleted before the chart is
// uninstalled, as docs/install.md advises; those of cart stay.
package underload
